# Everything a person does with this tree. Only Python 3.11 or newer and make are assumed; see `make help`.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# The first Python that is new enough; another one: make setup PYTHON=/path/to/python3.12
PYTHON ?= $(firstword $(foreach name,python3 python3.14 python3.13 python3.12 python3.11,$(shell \
	$(name) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $(name))))
RUN := .venv/bin/python
# make test WORKERS=2: side by side, each with a broker and a database of its own; on a busy machine tests may time out.
SIDE_BY_SIDE = $(if $(WORKERS),--numprocesses $(WORKERS) --dist loadfile)
PACKAGES := shared services/intake services/dispatch services/department services/escalation \
	deploy/ctl deploy/local deploy/demo
# What browsers get, and all it is made of.
KIT := shared/whistle_shared/pages/static/manifest.json
KIT_SOURCES := $(wildcard shared/kit/* shared/kit/*/*) $(shell find shared services -path '*/templates/*.html')
RUNTIME := $(filter-out deploy/local deploy/demo,$(PACKAGES))
COMPILE := .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	--no-annotate $(foreach name,shared intake dispatch department escalation ctl local demo,--no-emit-package whistle-$(name))

.PHONY: help
help: ## list all targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: setup ## run the main job on real parts and print what happened (KEEP=1 leaves it running, INPUT=file.csv.gz)
	@KEEP='$(KEEP)' INPUT='$(INPUT)' $(RUN) -m whistle_demo

.PHONY: up
up: setup ## start the stack to work with; prints addresses and tokens
	@$(RUN) -m whistle_local up

.PHONY: down
down: setup ## stop that stack
	@$(RUN) -m whistle_local down

.PHONY: test
test: setup browser ## run every test
	$(RUN) -m pytest $(SIDE_BY_SIDE)

.PHONY: fuzz
fuzz: setup ## try random and mutated requests and events for a while (MINUTES=10)
	WHISTLE_FUZZ_MINUTES='$(or $(MINUTES),10)' $(RUN) -m pytest tests/fuzz

.PHONY: browser
browser: setup ## find a Chromium for the browser tests, or get one
	@$(RUN) -m whistle_local.browser

.PHONY: check
check: setup ## format, lint, strict types, import contracts, dependency declarations
	.venv/bin/ruff format --check
	.venv/bin/ruff check
	.venv/bin/mypy
	.venv/bin/lint-imports --verbose
	@for package in $(PACKAGES); do (cd $$package && $(CURDIR)/.venv/bin/deptry .) || exit 1; done

.PHONY: format
format: setup ## format the code and mend what the linter can
	.venv/bin/ruff format
	.venv/bin/ruff check --fix

.PHONY: bench
bench: setup ## measure against a bare endpoint and against Celery, in about 3 minutes
	PYTHONPATH=tests $(RUN) -m bench

.PHONY: bench-pages
bench-pages: setup browser ## measure the pages with 100,000 whistles, live changes, 500 open dashboards, in about 10 minutes
	PYTHONPATH=tests WHISTLE_TEST_PROFILE=bench-pages $(RUN) -m bench.pages

.PHONY: screenshots
screenshots: setup browser ## take pictures of every page into docs/screenshots/ (ONLY=part of a page's name)
	PYTHONPATH=tests WHISTLE_TEST_PROFILE=screens $(RUN) -m screens pictures --only '$(ONLY)'

.PHONY: a11y
a11y: setup browser ## run axe-core over every page; pages and violations are printed last (ONLY=…)
	PYTHONPATH=tests WHISTLE_TEST_PROFILE=screens $(RUN) -m screens access --only '$(ONLY)'

.PHONY: lock
lock: .venv/made ## resolve the lock files anew from the pyproject.toml files
	$(RUN) -m pip install --quiet uv
	$(COMPILE) --output-file requirements.lock $(RUNTIME:%=%/pyproject.toml) $(UPGRADE)
	$(COMPILE) --output-file requirements-dev.lock --constraint requirements.lock \
		$(PACKAGES:%=%/pyproject.toml) --group pyproject.toml:dev $(UPGRADE)

.PHONY: clean
clean: ## stop the stack and remove all that was made here
	@if [ -e .venv/editable ]; then for state in .local/*/state.json; do \
		[ ! -e "$$state" ] || $(RUN) -m whistle_local --profile "$$(basename "$$(dirname "$$state")")" down; done; fi
	rm -rf .venv .local $(dir $(KIT)) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: setup
setup: .venv/editable $(KIT) ## make .venv and the pages' files, all that is needed (done by the other targets too)

.venv/made:
	@test -n '$(PYTHON)' || { echo 'Python 3.11 or newer is needed: install it, or give it as PYTHON=…' >&2; exit 1; }
	$(PYTHON) deploy/local/make_environment.py .venv
	@touch $@

.venv/locked: requirements-dev.lock .venv/made
	$(RUN) -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements-dev.lock
	@touch $@

.venv/editable: $(PACKAGES:%=%/pyproject.toml) .venv/locked
	$(RUN) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation $(PACKAGES:%=--editable ./%)
	@touch $@

$(KIT): $(KIT_SOURCES) deploy/local/whistle_local/kit.py deploy/local/whistle_local/node.py .venv/editable
	@$(RUN) -m whistle_local.kit
	@touch $@
