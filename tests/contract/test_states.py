"""The state diagrams of the documents: up to date with the code, and whole."""

from pathlib import Path
from typing import get_args

import pytest
from typer.testing import CliRunner

from support.places import ROOT
from whistle_ctl import states
from whistle_ctl.app import app
from whistle_ctl.states import MACHINES, Machine

EACH = pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.title)


def test_the_committed_page_says_what_the_code_does() -> None:
    """When this fails: `whistlectl states docs`."""
    assert (ROOT / "docs" / "states.md").read_text("utf-8") == states.page()


def test_the_command_writes_the_same_page(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["states", str(tmp_path)])
    assert done.exit_code == 0
    assert (tmp_path / "states.md").read_text("utf-8") == states.page()


@EACH
def test_a_diagram_has_every_state_and_no_other(machine: Machine) -> None:
    """INVARIANT: a diagram shows every state that its code knows and no other."""
    known = set(get_args(machine.states))
    moved = {state for _, *ends in machine.moves for state in ends}
    assert moved | set(machine.starts) == known
    assert set(machine.names) == known


@EACH
def test_every_state_can_be_reached(machine: Machine) -> None:
    reached = set(machine.starts)
    while more := {to for _, source, to in machine.moves if source in reached} - reached:
        reached |= more
    assert reached == set(get_args(machine.states))
