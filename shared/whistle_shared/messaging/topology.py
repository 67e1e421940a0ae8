"""The whole topology on one page: a pure function from instances to a RabbitMQ definitions document.

Applied by a deploy step through the management API, never lazily by a service (a queue declared shortly before a
crash of the broker was lost with its confirmed messages: RELIABILITY.md, finding 1).
"""

import base64
import re
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

EVENTS = "whistle.ev"
DEAD_LETTERS = "whistle.dlx"
PARKING = "parking"
RETRY_TIERS = {"5s": 5, "30s": 30, "2m": 120, "10m": 600, "1h": 3600}
_WRITTEN = rf"^whistle\.(ev|dlx|retry\.({'|'.join(RETRY_TIERS)}))$"
_WORK = r"^(intake|dispatch|escalation|department\.[a-z][a-z0-9_]*)\.in$"


@dataclass(frozen=True, slots=True)
class Instance:
    """One running service as the broker sees it: user name, password, the event types it reads, the departments it
    serves (none but for department instances)."""

    name: str
    password: str
    reads: tuple[str, ...]
    departments: tuple[str, ...] = ()


def queue_of(name: str) -> str:
    """The work queue of an instance."""
    return f"{name}.in"


def retry_exchange(tier: str) -> str:
    return f"whistle.retry.{tier}"


def password_hash(password: str) -> str:
    """RabbitMQ's salted SHA-256. The salt follows from the password, so that applying twice changes nothing."""
    salt = sha256(b"whistle" + password.encode()).digest()[:4]
    return base64.b64encode(salt + sha256(salt + password.encode()).digest()).decode()


def definitions(instances: list[Instance], vhost: str = "whistle") -> dict[str, Any]:
    """The definitions document: users, permissions (also by routing key), exchanges, queues, bindings, policies. The
    vhost itself belongs to whoever runs the broker."""
    queues = [queue_of(i.name) for i in instances] + [f"retry.{tier}" for tier in RETRY_TIERS] + [PARKING]
    exchanges = [(EVENTS, "topic"), (DEAD_LETTERS, "fanout")] + [
        (retry_exchange(tier), "fanout") for tier in RETRY_TIERS
    ]
    return {
        "users": [_user(instance) for instance in instances],
        "permissions": [_permission(instance, vhost) for instance in instances],
        "topic_permissions": [_topic_permission(instance, vhost) for instance in instances],
        "exchanges": [
            {
                "name": name,
                "vhost": vhost,
                "type": kind,
                "durable": True,
                "auto_delete": False,
                "internal": False,
                "arguments": {},
            }
            for name, kind in exchanges
        ],
        "queues": [
            {
                "name": name,
                "vhost": vhost,
                "durable": True,
                "auto_delete": False,
                "arguments": {"x-queue-type": "quorum"},
            }
            for name in queues
        ],
        "bindings": [
            *(_binding(vhost, EVENTS, queue_of(i.name), key) for i in instances for key in _keys(i)),
            *(_binding(vhost, retry_exchange(tier), f"retry.{tier}", "") for tier in RETRY_TIERS),
            _binding(vhost, DEAD_LETTERS, PARKING, ""),
        ],
        "policies": [
            _work_policy(vhost),
            *(_retry_policy(vhost, tier) for tier in RETRY_TIERS),
            _parking_policy(vhost),
        ],
    }


def _keys(instance: Instance) -> list[str]:
    return [*instance.reads, *(f"to.{code}" for code in instance.departments)]


def _user(instance: Instance) -> dict[str, Any]:
    return {
        "name": instance.name,
        "password_hash": password_hash(instance.password),
        "hashing_algorithm": "rabbit_password_hashing_sha256",
        "tags": [],
    }


def _permission(instance: Instance, vhost: str) -> dict[str, str]:
    """No service may change the topology; each reads its own queue and writes events, retries and dead letters.

    The default exchange is not writable. Copies sent to a retry exchange name their queue themselves; consumers
    believe the sender noted on a copy only when they made it (or the operator did).
    """
    return {
        "user": instance.name,
        "vhost": vhost,
        "configure": "^$",
        "write": _WRITTEN,
        "read": f"^{re.escape(queue_of(instance.name))}$",
    }


def _topic_permission(instance: Instance, vhost: str) -> dict[str, str]:
    """A service says its own events only, and what it addresses to departments; it may bind nothing by any key."""
    return {
        "user": instance.name,
        "vhost": vhost,
        "exchange": EVENTS,
        "write": rf"^({instance.name.split('.')[0]}\.[a-z_]+\.v[0-9]+|to\.[A-Za-z0-9._-]+)$",
        "read": "^$",
    }


def _binding(vhost: str, source: str, queue: str, key: str) -> dict[str, Any]:
    return {
        "source": source,
        "vhost": vhost,
        "destination": queue,
        "destination_type": "queue",
        "routing_key": key,
        "arguments": {},
    }


def _policy(vhost: str, name: str, pattern: str, definition: dict[str, Any]) -> dict[str, Any]:
    return {
        "vhost": vhost,
        "name": name,
        "pattern": pattern,
        "apply-to": "queues",
        "priority": 0,
        "definition": definition,
    }


def _work_policy(vhost: str) -> dict[str, Any]:
    """The delivery limit is only the net under crash loops; attempts are counted in a header of our own."""
    return _policy(
        vhost,
        "work",
        _WORK,
        {
            "delivery-limit": 20,
            "dead-letter-exchange": DEAD_LETTERS,
            "dead-letter-strategy": "at-least-once",
            "overflow": "reject-publish",
            "max-length": 1_000_000,
            "queue-leader-locator": "balanced",
        },
    )


def _retry_policy(vhost: str, tier: str) -> dict[str, Any]:
    """After its time a message returns, through the default exchange, to the queue its routing key names."""
    return _policy(
        vhost,
        f"retry-{tier}",
        rf"^retry\.{tier}$",
        {
            "message-ttl": RETRY_TIERS[tier] * 1000,
            "dead-letter-exchange": "",
            "dead-letter-strategy": "at-least-once",
            "overflow": "reject-publish",
        },
    )


def _parking_policy(vhost: str) -> dict[str, Any]:
    """Looking at a parked message counts as a delivery; RabbitMQ 4 would drop it after twenty looks."""
    return _policy(
        vhost,
        "parking",
        "^parking$",
        {"max-length": 1_000_000, "overflow": "reject-publish", "delivery-limit": 1_000_000},
    )
