"""Who is looking at a page: the person whose session the cookie carries, once they have done what comes first.

INVARIANT: with an initial password nothing is open but choosing another; with a role that administers, nothing is open
before the second factor.
"""

from typing import Annotated, Any

from fastapi import Depends, Request

from whistle_shared.auth import Caller, Forbidden, Right, Session
from whistle_shared.runtime import Service, SignedIn, use_session_of

SIGN_IN = "/sign-in"
_ACCOUNT = "/account"
_PAGES = {"password": "/account/password", "second factor": "/account/second-factor"}


class ElseFirst(Exception):
    """Something comes before the page that was asked for; names the page where it is done."""

    def __init__(self, path: str) -> None:
        self.path = path
        super().__init__(path)


def admit(session: Session | None, right: Right | None = None) -> Caller:
    """Whose session it is. Raises ElseFirst, and Forbidden when the role has not this right."""
    if session is None:
        raise ElseFirst(SIGN_IN)
    if session.owes is not None:
        raise ElseFirst(_PAGES[session.owes])
    if right is not None:
        session.caller.needs(right)
    return session.caller


def home_path(request: Request, caller: Caller) -> str:
    """The first page for somebody who wants none in particular."""
    return next((place.path for place in request.app.state.places if caller.has(place.right)), _ACCOUNT)


def visitor(right: Right | None = None) -> Any:
    """For the signature of a page's route, `Annotated[Caller, visitor("audit.read")]`: whoever is signed in, if their
    role has this right. Who is not is sent where that can be mended (`PageRoute` answers); whoever comes to `/`, to the
    first page that is theirs, if there is one."""

    async def admitted(request: Request, session: SignedIn) -> Caller:
        if session is not None:
            request.state.caller = session.caller
        try:
            return admit(session, right)
        except Forbidden:
            home = home_path(request, request.state.caller)
            if request.url.path != "/" or home == _ACCOUNT:
                raise
            raise ElseFirst(home) from None

    return Depends(admitted)


async def is_welcome(request: Request, service: Service, right: Right) -> bool:
    """Whether the session behind this request still lives and opens this: for a stream that goes on for hours. A page
    that is looked at is in use, though nothing but its stream ever comes."""
    session = await use_session_of(request, service)
    try:
        return session is not None and admit(session, right).has(right)
    except ElseFirst:
        return False


async def _someone(request: Request, session: SignedIn) -> Session:
    if session is None:
        raise ElseFirst(SIGN_IN)
    request.state.caller = session.caller
    request.state.barred = session.owes is not None
    return session


SignedInSession = Annotated[Session, Depends(_someone)]
"""For the pages on which a person does what comes first: any live session, whatever is missing yet."""
