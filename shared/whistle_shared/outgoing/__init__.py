"""Calls out of the house: one guarded HTTP client, which reaches what the operator has named and nothing else.

INVARIANT: a connection goes to an address that was checked after the one and only resolving of the host's name; so a
name that answers otherwise a moment later leads nowhere else.
INVARIANT: an answer takes no more than so many bytes and so many seconds, is never unpacked and never followed.
"""

from whistle_shared.outgoing.addresses import address_of
from whistle_shared.outgoing.allowed import Allowed
from whistle_shared.outgoing.refused import Refused, Unreachable
from whistle_shared.outgoing.transport import Caps, GuardedTransport, guarded_client, trust_of

__all__ = ["Allowed", "Caps", "GuardedTransport", "Refused", "Unreachable", "address_of", "guarded_client", "trust_of"]
