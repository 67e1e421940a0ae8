"""Why a call out of the house did not happen. Both are errors of httpx2, so its callers and Authlib's know them."""

import httpx2


class Refused(httpx2.TransportError):
    """We will not do this; the message names what was refused and why."""


class Unreachable(httpx2.TransportError):
    """We would have, but the other side did not answer, or not in time, or not in HTTP. `connected`: it may have heard
    us all the same."""

    connected = True
