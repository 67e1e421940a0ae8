"""Single sign-on by OpenID Connect: what a provider says of a person, checked, and what that makes of them here.

INVARIANT: nobody is who a provider says unless its word is signed by a key of that provider, for us, for this very
attempt, and not out of date.
INVARIANT: a provider's tokens are read and forgotten.
"""

from whistle_shared.openid.attempt import LASTING, Attempt
from whistle_shared.openid.claims import NotMapped, Rules, identity_of
from whistle_shared.openid.id_token import ALGORITHMS, LEEWAY, NotProven
from whistle_shared.openid.provider import Client, Provider

__all__ = [
    "ALGORITHMS",
    "LASTING",
    "LEEWAY",
    "Attempt",
    "Client",
    "NotMapped",
    "NotProven",
    "Provider",
    "Rules",
    "identity_of",
]
