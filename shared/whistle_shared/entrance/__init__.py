"""The entrance of every service: signing in, one's own account, and the administration of accounts and tokens.

Its templates, texts and style sheets are what the pages of every service stand on.
"""

from whistle_shared.entrance.doorkeeper import TurnedAway
from whistle_shared.entrance.installing import install
from whistle_shared.entrance.letting_in import local_path, receive
from whistle_shared.entrance.rendering import PageRoute, render, templates_of, texts_of
from whistle_shared.entrance.visitors import ElseFirst, SignedInSession, admit, is_welcome, listener, visitor

__all__ = [
    "ElseFirst",
    "PageRoute",
    "SignedInSession",
    "TurnedAway",
    "admit",
    "install",
    "is_welcome",
    "listener",
    "local_path",
    "receive",
    "render",
    "templates_of",
    "texts_of",
    "visitor",
]
