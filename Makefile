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
RUNTIME := $(filter-out deploy/local deploy/demo,$(PACKAGES))
COMPILE := .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	--no-annotate $(foreach name,shared intake dispatch department escalation ctl local demo,--no-emit-package whistle-$(name))

.PHONY: help
help: ## list all targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

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
	rm -rf .venv .local .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: setup
setup: .venv/editable ## make .venv with all that is needed (done by the other targets too)

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
