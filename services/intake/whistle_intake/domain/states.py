"""A whistle's states, and the steps that people take between them. Source: DOMAIN.md C.1, EVENTS.md section 3.

What is stored is the *stage*. While a whistle is `open` its state is derived from its tasks, so that a late responder
never blocks the others.
INVARIANT: every state but the ends has a step or a derived move that leads on.
"""

from functools import cache
from typing import Literal

from whistle_shared.errors import IllegalTransition

Stage = Literal["draft", "pending_approval", "self_handled", "joined", "open", "closed", "withdrawn"]
State = Literal[
    "draft",
    "pending_approval",
    "self_handled",
    "joined",
    "blown",
    "responding",
    "on_scene",
    "handling",
    "suspended",
    "pending_verify",
    "pending_evaluation",
    "closed",
    "withdrawn",
]
Move = tuple[str, State, State]

OPEN: tuple[State, ...] = (
    "blown",
    "responding",
    "on_scene",
    "handling",
    "suspended",
    "pending_verify",
    "pending_evaluation",
)
WITHDRAWABLE: tuple[State, ...] = ("draft", "pending_approval", "blown", "responding", "on_scene")
ENDS: tuple[State, ...] = ("self_handled", "joined", "withdrawn")

# (step, from, to) of what people do with the whistle itself.
STEPS: tuple[Move, ...] = (
    ("editing", "draft", "draft"),
    ("submission", "draft", "pending_approval"),
    ("submission", "draft", "blown"),
    ("joining", "draft", "joined"),
    ("approval", "pending_approval", "blown"),
    ("rejection", "pending_approval", "draft"),
    ("rejection", "pending_approval", "self_handled"),
    *(("withdrawal", state, "withdrawn") for state in WITHDRAWABLE),
    ("reopening", "closed", "blown"),
)
# What people may also do while a whistle is under way; it calls people together and moves nothing by itself.
BESIDE = "meeting"
# (what happens, from, to) of what follows from the tasks of the round; a move may be skipped, none is stored.
DERIVED: tuple[Move, ...] = (
    ("first acknowledgement", "blown", "responding"),
    ("lead arrived or minutes filed", "responding", "on_scene"),
    ("work begun", "on_scene", "handling"),
    ("all suspended", "handling", "suspended"),
    ("one resumed", "suspended", "handling"),
    ("all submitted", "handling", "pending_verify"),
    ("rework ordered", "pending_verify", "handling"),
    ("all verified", "pending_verify", "pending_evaluation"),
    ("veto", "pending_evaluation", "handling"),
    ("all scored, call-back done or waived", "pending_evaluation", "closed"),
    ("dissatisfied call-back", "pending_evaluation", "blown"),
)


@cache
def legal(state: State) -> tuple[str, ...]:
    """The steps that are open from a state."""
    found = dict.fromkeys(step for step, source, _ in STEPS if source == state)
    return (*found, BESIDE) if state in OPEN else tuple(found)


def guard(step: str, state: State) -> None:
    """Raises IllegalTransition, with the legal steps, unless `step` is open from `state`."""
    if step not in legal(state):
        raise IllegalTransition(step, state, legal(state))
