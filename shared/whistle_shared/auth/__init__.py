"""Bearer tokens: hashed at rest, with a role and a scope. Each service owns its own.

INVARIANT: a caller sees and changes only what its scope covers; the rest does not exist for it (404).
"""

from whistle_shared.auth.caller import Caller, Forbidden, Role, Unauthenticated
from whistle_shared.auth.tokens import Tokens, create_token, digest_of, list_tokens, revoke_token

__all__ = [
    "Caller",
    "Forbidden",
    "Role",
    "Tokens",
    "Unauthenticated",
    "create_token",
    "digest_of",
    "list_tokens",
    "revoke_token",
]
