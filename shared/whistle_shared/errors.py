"""What can go wrong with a command, in the words of the domain. HTTP codes are assigned in one table in `web`."""

from collections.abc import Sequence


class DomainError(Exception):
    """A command that cannot be carried out. The message is for the caller."""


class NotFound(DomainError):
    """There is no such thing, or not for this caller: the two look alike on purpose."""


class Conflict(DomainError):
    """The command clashes with what is already so."""


class IllegalTransition(Conflict):
    """The step is not open from this state; names the state and the steps that are."""

    def __init__(self, step: str, state: str, legal: Sequence[str]) -> None:
        self.step, self.state, self.legal = step, state, tuple(legal)
        nexts = ", ".join(self.legal) or "none"
        super().__init__(f"{step!r} is not possible in state {state!r}; possible: {nexts}")


class Invalid(DomainError):
    """A field says something that cannot be; names the field."""

    def __init__(self, field: str, reason: str) -> None:
        self.field, self.reason = field, reason
        super().__init__(f"{field}: {reason}")


class Unavailable(DomainError):
    """The service cannot do this yet or now; asking again later may work."""
