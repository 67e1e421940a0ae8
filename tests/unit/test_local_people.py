"""The people of the sample district: whoever `make up` names can sign in where it says, and nobody is made in vain."""

from typing import get_args

from support.places import SAMPLE
from whistle_dispatch.domain import read_pack
from whistle_local.people import JOURNEY, people
from whistle_local.services import NAMES, SITES
from whistle_shared.auth import ROLES, Role, check_place, check_scope

PEOPLE = people(SAMPLE)
REGISTRY = read_pack(SAMPLE).registry


def test_every_step_names_accounts_that_are_made_there() -> None:
    made = {(person.process, person.username) for person in PEOPLE}
    assert len(made) == len(PEOPLE)
    assert not {(step.process, name) for step in JOURNEY for name in step.usernames} - made
    assert {step.process for step in JOURNEY} == set(NAMES) > set(SITES)


def test_every_role_has_somebody_in_a_place_that_the_pack_knows() -> None:
    assert {person.role for person in PEOPLE} == set(get_args(Role))
    for person in PEOPLE:
        check_place(REGISTRY, check_scope(person.role, person.scope), person.scope)


def test_whichever_department_is_called_somebody_can_sign_for_it() -> None:
    for department in REGISTRY.departments:
        if department.active:
            process = "department" if department.instance == "hosted" else f"department-{department.instance}"
            scopes = {person.scope for person in PEOPLE if person.process == process and person.role == "handler"}
            assert department.code in scopes
    assert {person.role for person in PEOPLE if person.process == "department-ga"} >= {
        role for role, rule in ROLES.items() if rule.reach == "department"
    }
