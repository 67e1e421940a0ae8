"""`whistlectl topology`: the exchanges, queues, bindings, policies and users that a district pack calls for.

INVARIANT: every department is bound to exactly one instance's queue, and no active department is left without one.
"""

import asyncio
import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import structlog
import typer

from whistle_ctl import settings
from whistle_ctl.database import operator
from whistle_ctl.errors import Refused
from whistle_ctl.management import Management
from whistle_ctl.registry import read_valid
from whistle_ctl.settings import OPERATOR
from whistle_department import consumers as department
from whistle_dispatch import consumers as dispatch
from whistle_escalation import consumers as escalation
from whistle_intake import consumers as intake
from whistle_shared.messaging import Instance, definitions, queue_of
from whistle_shared.registry import Registry

log = structlog.get_logger(__name__)
app = typer.Typer(no_args_is_help=True, help="The broker's exchanges, queues, bindings, policies and users.")
Document = dict[str, Any]
PackFolder = Annotated[Path, typer.Option("--pack", metavar="DIR", help="The district pack.")]

VHOST = "whistle"
_SINGLE = ("intake", "dispatch", "escalation")
_SUBSCRIPTIONS = {
    "intake": intake.SUBSCRIPTIONS,
    "dispatch": dispatch.SUBSCRIPTIONS,
    "department": department.SUBSCRIPTIONS,
    "escalation": escalation.SUBSCRIPTIONS,
}
_DEPARTMENT = "department."
_EVERYTHING = {"configure": ".*", "write": ".*", "read": ".*"}
# kind → (what names one of it, what it must say)
_COMPARED: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "users": (("name",), ("password_hash", "tags")),
    "permissions": (("user", "vhost"), ("configure", "write", "read")),
    "topic_permissions": (("user", "vhost", "exchange"), ("write", "read")),
    "exchanges": (("vhost", "name"), ("type", "durable")),
    "queues": (("vhost", "name"), ("durable", "arguments")),
    "bindings": (("vhost", "source", "destination", "routing_key"), ()),
    "policies": (("vhost", "name"), ("pattern", "apply-to", "definition")),
}


@app.command("render")
def render_command(pack: PackFolder) -> None:
    """Print the definitions document (users with password hashes, never passwords)."""
    typer.echo(json.dumps(_document(pack), indent=2, ensure_ascii=False))


@app.command("apply")
def apply_command(pack: PackFolder) -> None:
    """Bring the broker (WHISTLE_MANAGEMENT_URL) to what the pack calls for, and check it. Repeating changes nothing."""
    document = _document(pack)
    removed = asyncio.run(apply(settings.current().need("management_url"), document))
    # The broker has no audit, and the databases may not be there yet: a line in the log of whoever runs this.
    counts = {kind: len(document[kind]) for kind in ("users", "queues", "bindings")}
    log.warning("topology.applied", operator=operator(), machine=os.uname().nodename, removed=len(removed), **counts)
    for binding in removed:
        typer.echo(f"removed {_named('bindings', binding)}")
    typer.echo(f"applied: {len(document['queues'])} queues, {len(document['bindings'])} bindings")
    check_command(pack)


@app.command("check")
def check_command(pack: PackFolder) -> None:
    """Compare the broker with what the pack calls for; exit 1 and list the differences if there are any."""
    document = _document(pack)
    found = asyncio.run(check(settings.current().need("management_url"), document))
    for line in found:
        typer.echo(line)
    if found:
        raise typer.Exit(1)
    typer.echo("the broker's topology is what the pack calls for")


def _document(pack: Path) -> Document:
    passwords = read_passwords(settings.current().need("broker_passwords"))
    return document_of(read_valid(pack).registry, passwords)


def read_passwords(source: str) -> dict[str, str]:
    """User → password, from a JSON object or the path of a file that holds one. Raises Refused."""
    try:
        found = json.loads(source if source.lstrip().startswith("{") else Path(source).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise Refused(f"WHISTLE_BROKER_PASSWORDS cannot be read: {error}") from None
    if not isinstance(found, dict) or not all(isinstance(value, str) and value for value in found.values()):
        raise Refused("WHISTLE_BROKER_PASSWORDS must be a JSON object of user and password")
    return found


def document_of(registry: Registry, passwords: Mapping[str, str], vhost: str = VHOST) -> Document:
    """The definitions that the registry calls for, the operator's permission included."""
    document = definitions(instances(registry, passwords), vhost)
    if OPERATOR in passwords:
        operator = definitions([Instance(OPERATOR, passwords[OPERATOR], ())], vhost)["users"][0]
        document["users"].append({**operator, "tags": ["administrator"]})
    document["permissions"].append({"user": OPERATOR, "vhost": vhost, **_EVERYTHING})
    return document


def instances(registry: Registry, passwords: Mapping[str, str]) -> list[Instance]:
    """One instance for each service and each department service that has a password.

    Raises Refused for a service without a password, and for active departments whose instance has none: nobody
    would ever receive their tasks. Refuses a name whose queue the policies would not cover.
    """
    names = [*_SINGLE, *sorted(name for name in passwords if name.startswith(_DEPARTMENT))]
    missing = [name for name in names if name not in passwords]
    if missing:
        raise Refused(f"WHISTLE_BROKER_PASSWORDS has no password for {', '.join(missing)}")
    nameless = [name for name in names if not is_work_queue(queue_of(name))]
    if nameless:
        raise Refused(
            f"no policy would cover the queue of {', '.join(nameless)}: an instance is small letters and digits"
        )
    unserved = {
        row.code: row.instance for row in registry.departments if row.active and _serving(row.instance) not in names
    }
    if unserved:
        named = ", ".join(f"{code} (instance {instance!r})" for code, instance in sorted(unserved.items()))
        raise Refused(f"no instance serves the active departments {named}: add a password for each such instance")
    return [
        Instance(name, passwords[name], reads_of(name.partition(".")[0]), _served_by(registry, name)) for name in names
    ]


def _serving(instance: str) -> str:
    return _DEPARTMENT + instance


def _served_by(registry: Registry, name: str) -> tuple[str, ...]:
    """Departments that are no longer active are bound too: their running tasks can still be cancelled."""
    return tuple(row.code for row in registry.departments if _serving(row.instance) == name)


def reads_of(service: str) -> tuple[str, ...]:
    """The event types a service subscribes to. Addressed ones reach a department instance by address only."""
    by_address = service == "department"
    return tuple(sorted(model.key for model in _SUBSCRIPTIONS[service] if not (by_address and model.addressed)))


async def apply(management_url: str, document: Document) -> list[dict[str, Any]]:
    """Import the document, then remove our bindings that it does not have; returns those.

    In this order a department that moves to another instance is called twice for a moment, and never not at all.
    """
    async with Management(management_url) as broker:
        vhost = _vhost(document)
        await broker.ensure_vhost(vhost)
        await broker.import_definitions(_administered(document, broker.user))
        stale = [found for found in await broker.bindings(vhost) if _is_stale(found, document)]
        for binding in stale:
            await broker.unbind(binding)
    return stale


def _administered(document: Document, user: str) -> Document:
    """The document with a permission for whoever applies it: without one RabbitMQ lets nobody remove a binding."""
    if user == OPERATOR:
        return document
    if OPERATOR not in {known["name"] for known in document["users"]}:
        raise Refused(
            f"the administrator is {user!r}: WHISTLE_BROKER_PASSWORDS must hold a password for {OPERATOR!r} too"
        )
    own = {"user": user, "vhost": _vhost(document), **_EVERYTHING}
    return {**document, "permissions": [*document["permissions"], own]}


async def check(management_url: str, document: Document) -> list[str]:
    """The differences between the broker and the document, one line each."""
    async with Management(management_url) as broker:
        return list(drift(document, await broker.definitions()))


def drift(document: Document, found: Document) -> Iterator[str]:
    """What the broker lacks, has otherwise, or has too much of. `found`: the broker's whole definitions."""
    for kind, (_, said) in _COMPARED.items():
        there = {_identity(kind, entry): entry for entry in found.get(kind, [])}
        for wanted in document[kind]:
            entry = there.get(_identity(kind, wanted))
            if entry is None:
                yield f"missing: {_named(kind, wanted)}"
            elif wrong := [name for name in said if not _same(wanted[name], entry.get(name))]:
                yield f"different: {_named(kind, wanted)} in {', '.join(wrong)}"
    if not any(user["name"] == OPERATOR and "administrator" in user["tags"] for user in found.get("users", [])):
        yield f"missing: an administrator {OPERATOR}"
    yield from (f"too much: {_named('bindings', entry)}" for entry in found["bindings"] if _is_stale(entry, document))
    yield from (f"too much: {_named('queues', entry)}: no instance reads it" for entry in _orphans(document, found))


def _same(wanted: Any, found: Any) -> bool:
    """A newer broker may say more than it was told; what it was told it must say."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        return all(found.get(name) == value for name, value in wanted.items())
    return bool(wanted == found)


def _is_stale(binding: Mapping[str, Any], document: Document) -> bool:
    """Whether a binding goes from one of our exchanges to a work queue without the document's leave."""
    ours = {entry["name"] for entry in document["exchanges"]}
    wanted = {_identity("bindings", entry) for entry in document["bindings"]}
    return (
        binding["vhost"] == _vhost(document)
        and binding["source"] in ours
        and is_work_queue(binding["destination"])
        and _identity("bindings", binding) not in wanted
    )


def _orphans(document: Document, found: Document) -> Iterator[Mapping[str, Any]]:
    wanted = {_identity("queues", entry) for entry in document["queues"]}
    vhost = _vhost(document)
    for entry in found["queues"]:
        if entry["vhost"] == vhost and is_work_queue(entry["name"]) and _identity("queues", entry) not in wanted:
            yield entry


def is_work_queue(name: str) -> bool:
    """Whether this is the name of a service's queue, by the pattern of the policy for work queues."""
    return bool(re.search(_WORK, name))


def _vhost(document: Document) -> str:
    return str(document["exchanges"][0]["vhost"])


def _identity(kind: str, entry: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(entry[name] for name in _COMPARED[kind][0])


def _named(kind: str, entry: Mapping[str, Any]) -> str:
    if kind == "bindings":
        return f"binding of {entry['destination']} to {entry['source']} by {entry['routing_key'] or 'everything'!r}"
    return f"{kind.removesuffix('s').replace('_', ' ')} {entry.get('name', entry.get('user'))}"


_WORK: str = next(policy["pattern"] for policy in definitions([])["policies"] if policy["name"] == "work")
