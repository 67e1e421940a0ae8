"""The entrance of every service: signing in, one's own account, and the administration of accounts and tokens."""

from whistle_shared.entrance.doorkeeper import TurnedAway
from whistle_shared.entrance.installing import install
from whistle_shared.entrance.letting_in import local_path, receive

__all__ = ["TurnedAway", "install", "local_path", "receive"]
