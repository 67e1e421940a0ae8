"""Who may enter and what they may touch: roles and rights as data, accounts, sessions, tokens; each service its own.

INVARIANT: a caller sees and changes only what its scope covers; the rest does not exist for it (404).
"""

from whistle_shared.auth.caller import EVERYWHERE, Caller, Forbidden, Unauthenticated, check_scope
from whistle_shared.auth.roles import ADMINISTERS, ROLES, Right, Role, RoleRule
from whistle_shared.auth.sessions import (
    IDLE,
    LASTING,
    Session,
    end_sessions,
    find_session,
    list_sessions,
    open_session,
    renew_session,
)
from whistle_shared.auth.tokens import Tokens, create_token, digest_of, list_tokens, revoke_token

__all__ = [
    "ADMINISTERS",
    "EVERYWHERE",
    "IDLE",
    "LASTING",
    "ROLES",
    "Caller",
    "Forbidden",
    "Right",
    "Role",
    "RoleRule",
    "Session",
    "Tokens",
    "Unauthenticated",
    "check_scope",
    "create_token",
    "digest_of",
    "end_sessions",
    "find_session",
    "list_sessions",
    "list_tokens",
    "open_session",
    "renew_session",
    "revoke_token",
]
