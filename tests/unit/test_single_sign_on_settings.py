"""The worked example of docs/operations.md is one that a service takes."""

import re
import shlex

import pytest

from support.places import ROOT
from whistle_shared.openid import Rules
from whistle_shared.outgoing import Allowed
from whistle_shared.runtime import Settings

EXAMPLE = re.compile(r"## Single sign-on\n.*?```sh\n(.*?)```", re.DOTALL)
NEEDED = {"DATABASE_URL": "x", "AMQP_URL": "x", "KEYS_FILE": "x", "OBJECTS_URL": "x", "VAULT_URL": "x"}


def test_the_worked_example_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    found = EXAMPLE.search((ROOT / "docs" / "operations.md").read_text("utf-8"))
    assert found
    given = dict(word.split("=", 1) for word in shlex.split(found[1]))
    for name, value in given.items() | {(f"WHISTLE_{name}", value) for name, value in NEEDED.items()}:
        monkeypatch.setenv(name, value)
    settings = Settings()
    assert {f"WHISTLE_{name.upper()}" for name in settings.model_fields_set} == {
        *given,
        *(f"WHISTLE_{name}" for name in NEEDED),
    }
    Allowed.of(settings.outgoing_allowed).check(settings.oidc_issuer)
    rules = Rules(settings.oidc_roles, settings.oidc_role_claim, settings.oidc_scope_claim)
    both = {"sub": "u1", "groups": ["dept-staff", "dept-heads"], "dept": "CGJ"}
    assert rules.person_of(both).role == "department_head"
    assert settings.oidc_second_factor == {"mfa"}
