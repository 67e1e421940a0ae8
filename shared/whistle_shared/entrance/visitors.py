"""Who is looking at a page: the person whose session the cookie carries, once they have done what comes first.

INVARIANT: with an initial password nothing is open but choosing another; with a role that administers, nothing is open
before the second factor.
"""

from typing import Annotated, Any

from fastapi import Depends, Request

from whistle_shared.auth import ADMINISTERS, ROLES, Caller, Right, Role, Session, Unauthenticated
from whistle_shared.runtime import Service, SignedIn, find_session_of

SIGN_IN = "/sign-in"


class ElseFirst(Exception):
    """Something comes before the page that was asked for; names the page where it is done."""

    def __init__(self, path: str) -> None:
        self.path = path
        super().__init__(path)


def takes_second_factor(role: Role) -> bool:
    """Whether whoever has this role must have a second factor."""
    return not ADMINISTERS.isdisjoint(ROLES[role].rights)


def owes(session: Session) -> str | None:
    """The page where this person has to do something before any other opens."""
    if session.must_change:
        return "/account/password"
    if takes_second_factor(session.caller.role) and not session.second_factor:
        return "/account/second-factor"
    return None


def admit(session: Session | None, right: Right | None = None) -> Caller:
    """Whose session it is. Raises ElseFirst, and Forbidden when the role has not this right."""
    if session is None:
        raise ElseFirst(SIGN_IN)
    owed = owes(session)
    if owed is not None:
        raise ElseFirst(owed)
    if right is not None:
        session.caller.needs(right)
    return session.caller


def visitor(right: Right | None = None) -> Any:
    """For the signature of a page's route, `Annotated[Caller, visitor("audit.read")]`: whoever is signed in, if their
    role has this right. Who is not is sent where that can be mended (`PageRoute` answers)."""

    async def admitted(request: Request, session: SignedIn) -> Caller:
        if session is not None:
            request.state.caller = session.caller
        return admit(session, right)

    return Depends(admitted)


def listener(right: Right) -> Any:
    """As `visitor`, for a stream, which has nobody to show a page to: raises Unauthenticated, never a redirect."""

    async def admitted(request: Request, session: SignedIn) -> Caller:
        if session is not None:
            request.state.caller = session.caller
        try:
            return admit(session, right)
        except ElseFirst:
            raise Unauthenticated("sign in first") from None

    return Depends(admitted)


async def is_welcome(request: Request, service: Service, right: Right) -> bool:
    """Whether the session behind this request still lives and opens this: for a stream that goes on for hours."""
    session = await find_session_of(request, service)
    try:
        return session is not None and admit(session, right).has(right)
    except ElseFirst:
        return False


async def _someone(request: Request, session: SignedIn) -> Session:
    if session is None:
        raise ElseFirst(SIGN_IN)
    request.state.caller = session.caller
    request.state.barred = owes(session) is not None
    return session


SignedInSession = Annotated[Session, Depends(_someone)]
"""For the pages on which a person does what comes first: any live session, whatever is missing yet."""
