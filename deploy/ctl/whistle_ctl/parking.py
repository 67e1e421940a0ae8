"""`whistlectl parking`: looks at the messages that were set aside, sends them back, or ends them.

INVARIANT: a message leaves parking only when a confirmed copy of it stands in its work queue, or when an operator
drops it; whatever else happens, Ctrl-C included, it is still there.
INVARIANT: a replay reaches work queues of ours only, and a copy claims no sender that nobody vouched for.
"""

import asyncio
import base64
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, TextIO

import aio_pika
import orjson
import typer
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractIncomingMessage, AbstractQueue
from yarl import URL

from whistle_ctl import settings
from whistle_ctl.database import deed, engine_of, operator, unit_of
from whistle_ctl.errors import Refused
from whistle_ctl.parked import Parked, Selection, read
from whistle_ctl.settings import OPERATOR
from whistle_ctl.terminal import harmless, instant, moment, table
from whistle_shared.db import columns_of, note
from whistle_shared.messaging import PARKING
from whistle_shared.timesource import utc_text, wall_now

app = typer.Typer(
    no_args_is_help=True,
    help="Messages set aside (WHISTLE_AMQP_ADMIN_URL, else WHISTLE_AMQP_URL; user ctl). A replay or a drop stands in "
    "the audit of the process whose WHISTLE_DATABASE_URL is given.",
)
_TIMEOUT = 5.0
Tell = Callable[[Parked, str], None]

Id = Annotated[str, typer.Option("--id", help="Only the message with this id.")]
Reason = Annotated[str, typer.Option(help="Only messages whose reason contains this text.")]
Since = Annotated[
    datetime | None,
    typer.Option(parser=instant, metavar="INSTANT", help="Only those parked since: ISO time, or 2h ago."),
]
Limit = Annotated[int, typer.Option(min=0, help="At most so many; 0 is no limit.")]
DryRun = Annotated[bool, typer.Option("--dry-run/--yes", help="Only say what would be done, or really do it.")]


@dataclass(frozen=True, slots=True)
class Counted:
    """What a command came to. `total`: messages in parking when it began; the others count among those looked at."""

    total: int
    selected: int = 0
    refused: int = 0


@app.command("ls")
def ls_command(reason: Reason = "", since: Since = None, limit: Limit = 50) -> None:
    """List parked messages, oldest first."""
    found: list[Parked] = []
    counted = asyncio.run(browse(_address(), Selection("", reason, since, limit), found.append))
    typer.echo(f"{counted.total} parked, {counted.selected} listed")
    if found:
        found.sort(key=_age)  # a quorum queue keeps no order among messages that were looked at
        rows = [(p.id, p.type, p.queue or "-", str(p.attempts), moment(p.parked_at), p.reason) for p in found]
        typer.echo(table(("id", "type", "queue", "attempts", "parked", "reason"), rows))


@app.command("show")
def show_command(
    message_id: Annotated[str, typer.Argument(metavar="ID", help="The id that `parking ls` shows.")],
) -> None:
    """Show everything about one message, its body included."""
    found: list[Parked] = []
    asyncio.run(browse(_address(), Selection(message_id), found.append))
    if not found:
        raise Refused(f"no message with the id {message_id} is parked")
    for parked in found:
        typer.echo(_described(parked))


@app.command("export")
def export_command(
    file: Annotated[Path, typer.Argument(help="A new file for one JSON object a line; - for standard output.")],
    reason: Reason = "",
    since: Since = None,
    limit: Limit = 0,
) -> None:
    """Copy parked messages to a file; they stay parked."""
    with _new_file(file) as out:
        selection = Selection("", reason, since, limit)
        counted = asyncio.run(browse(_address(), selection, lambda p: print(as_json(p), file=out)))
    typer.echo(f"{counted.selected} of {counted.total} parked messages exported", err=True)


@app.command("replay")
def replay_command(
    message_id: Id = "",
    reason: Reason = "",
    since: Since = None,
    limit: Limit = 0,
    rate: Annotated[float, typer.Option(min=0.01, help="Messages a second.")] = 50.0,
    dry_run: DryRun = True,
) -> None:
    """Send parked messages back to the queues they came from, as if for the first time.

    What is parked while this runs is left alone.
    """
    selection = Selection(message_id, reason, since, limit)
    if dry_run:
        _say_what_would_be_done(selection, "replayed")
        return
    counted = asyncio.run(
        noted("parking.replay", selection, lambda: replay(_address(), selection, rate, _operator(), _tell))
    )
    typer.echo(f"{counted.selected} of {counted.total} parked messages replayed, {counted.refused} refused")
    if counted.refused:
        raise typer.Exit(1)


@app.command("drop")
def drop_command(
    message_id: Id = "", reason: Reason = "", since: Since = None, limit: Limit = 0, dry_run: DryRun = True
) -> None:
    """End parked messages for good; `export` them first. What is parked while this runs is left alone."""
    selection = Selection(message_id, reason, since, limit)
    if dry_run:
        _say_what_would_be_done(selection, "dropped")
        return
    counted = asyncio.run(noted("parking.drop", selection, lambda: drop(_address(), selection, _tell)))
    typer.echo(f"{counted.selected} of {counted.total} parked messages dropped")


async def noted(action: str, selection: Selection, act: Callable[[], Awaitable[Counted]]) -> Counted:
    """Do it, and say so in the audit of the database that the environment names: that it begins, for the broker knows
    no transaction with it, and what it came to."""
    asked = columns_of(selection)
    async with engine_of(settings.current().need("database_url")) as engine:
        async with unit_of(engine, OPERATOR) as unit:
            note(unit, deed(f"{action}.begun", asked), "done")
        counted = await act()
        async with unit_of(engine, OPERATOR) as unit:
            note(unit, deed(action, asked), "done", after=columns_of(counted))
    return counted


async def browse(url: str, selection: Selection, see: Callable[[Parked], None]) -> Counted:
    """Have each selected message seen; all of them stay parked."""
    selected = 0
    async with _opened(url) as hands:
        async for parked, _message in _select(hands, selection):
            see(parked)
            selected += 1
    return Counted(hands.total, selected)


async def replay(url: str, selection: Selection, rate: float, operator: str, tell: Tell) -> Counted:
    """Send the selected messages back to their queues, `rate` a second; each original ends when its copy is confirmed.

    A message that cannot be sent stays parked and holds nobody up. Raises Refused when the broker stops answering.
    """
    if URL(url).user != OPERATOR:
        raise Refused(f"replay speaks as the broker user {OPERATOR!r}, not {URL(url).user!r}: nobody would believe it")
    replayed = refused = 0
    async with _opened(url) as hands:
        publishing = await hands.connection.channel(publisher_confirms=True, on_return_raises=True)
        async for parked, message in _select(hands, selection):
            fault = await _send_back(publishing, parked, operator)
            if fault:
                refused += 1
            else:
                await hands.end(message)
                replayed += 1
            tell(parked, f"refused: {fault}" if fault else "replayed")
            await asyncio.sleep(1 / rate)
    return Counted(hands.total, replayed, refused)


async def drop(url: str, selection: Selection, tell: Tell) -> Counted:
    """End the selected messages for good."""
    dropped = 0
    async with _opened(url) as hands:
        async for parked, message in _select(hands, selection):
            await hands.end(message)
            dropped += 1
            tell(parked, "dropped")
    return Counted(hands.total, dropped)


@dataclass(slots=True)
class _Hands:
    """What one command holds of the parking queue. `total`: messages that stood there when it was opened."""

    connection: AbstractConnection
    channel: AbstractChannel
    queue: AbstractQueue
    total: int
    held: int = 0

    async def take(self) -> AbstractIncomingMessage | None:
        message = await self.queue.get(fail=False, timeout=_TIMEOUT)
        self.held += message is not None
        return message

    async def end(self, message: AbstractIncomingMessage) -> None:
        """Take the message out of parking for good."""
        await message.ack()
        self.held -= 1

    async def put_back(self) -> None:
        """Return what is held and wait until it is there: the next command must find all of it."""
        if not self.held:
            return
        underlay = await self.channel.get_underlay_channel()
        await underlay.basic_nack(0, multiple=True, requeue=True)
        async with asyncio.timeout(_TIMEOUT):
            while True:
                if _count(await self.channel.declare_queue(PARKING, passive=True)) >= self.held:
                    return
                await asyncio.sleep(0.02)


@asynccontextmanager
async def _opened(url: str) -> AsyncIterator[_Hands]:
    """The parking queue to take from; in the end all that was not ended is there again."""
    async with await aio_pika.connect(url, timeout=_TIMEOUT) as connection:
        channel = await connection.channel(publisher_confirms=False)
        try:
            queue = await channel.declare_queue(PARKING, passive=True, timeout=_TIMEOUT)
        except aio_pika.exceptions.ChannelNotFoundEntity:
            raise Refused("there is no parking queue on this broker: apply the topology first") from None
        hands = _Hands(connection, channel, queue, _count(queue))
        try:
            yield hands
        finally:
            with suppress(OSError, TimeoutError, aio_pika.exceptions.AMQPError):  # a lost connection returns it too
                await hands.put_back()


def _count(queue: AbstractQueue) -> int:
    return queue.declaration_result.message_count or 0


async def _select(hands: _Hands, selection: Selection) -> AsyncIterator[tuple[Parked, AbstractIncomingMessage]]:
    """The selected ones among those that were there at the beginning. The rest is held, so nothing is met twice."""
    selected = 0
    for _ in range(hands.total):
        message = await hands.take()
        if message is None:
            return
        parked = read(message)
        if selection.admits(parked):
            yield parked, message
            selected += 1
            if selected == selection.limit:
                return


async def _send_back(publishing: AbstractChannel, parked: Parked, operator: str) -> str:
    """Publish a copy straight into the message's work queue; returns why the broker or we refused it, or ""."""
    if not parked.queue:
        return "it names no work queue of ours"
    try:
        await publishing.default_exchange.publish(
            _copy(parked, operator), routing_key=parked.queue, mandatory=True, timeout=_TIMEOUT
        )
    except aio_pika.exceptions.DeliveryError:
        return f"{parked.queue} does not take it (it is missing or full)"
    except (TimeoutError, OSError, aio_pika.exceptions.AMQPError) as error:
        raise Refused(f"the broker stopped answering at {parked.id} ({error!r}); it and the rest stay parked") from None
    return ""


def _copy(parked: Parked, operator: str) -> aio_pika.Message:
    """A first attempt again. Nothing of the old headers travels: a kept CC would be routed again (EVENTS.md R7), a
    kept x-death be taken for a loop."""
    return aio_pika.Message(
        body=parked.body,
        content_type=parked.content_type or None,
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        message_id=None if parked.id.startswith("sha256-") else parked.id,
        type=parked.type or None,
        user_id=OPERATOR,
        headers={
            "x-attempt": 0,
            "x-origin-queue": parked.queue,
            "x-sender": parked.sender,
            "x-replayed-by": operator,
            "x-sent-ms": int(wall_now().timestamp() * 1000),
        },
    )


def as_json(parked: Parked) -> str:
    """One parked message as a line of JSON; a body that is no text goes in base64."""
    try:
        body = {"body": parked.body.decode()}
    except UnicodeDecodeError:
        body = {"body_base64": base64.b64encode(parked.body).decode()}
    about = {name: getattr(parked, name) for name in _FIELDS}
    return orjson.dumps({**about, "parked_at": _text_or_none(parked.parked_at), **body}).decode()


_FIELDS = ("id", "type", "queue", "sender", "reason", "attempts", "content_type")


def _text_or_none(at: datetime | None) -> str | None:
    return utc_text(at) if at else None


def _described(parked: Parked) -> str:
    lines = [f"{name:12}  {harmless(str(getattr(parked, name)))}" for name in _FIELDS]
    body = "\n".join(harmless(line) for line in parked.text().splitlines())
    return "\n".join([*lines, f"{'parked':12}  {moment(parked.parked_at)}", "", body])


def _say_what_would_be_done(selection: Selection, done: str) -> None:
    counted = asyncio.run(browse(_address(), selection, lambda parked: _tell(parked, f"would be {done}")))
    typer.echo(f"{counted.selected} of {counted.total} parked messages would be {done}; repeat with --yes")


def _age(parked: Parked) -> float:
    return parked.parked_at.timestamp() if parked.parked_at else 0.0


def _tell(parked: Parked, what: str) -> None:
    typer.echo(harmless(f"{parked.id}  {parked.type}  {parked.queue or '-'}  {what}"))


def _address() -> str:
    now = settings.current()
    return now.amqp_admin_url or now.need("amqp_url")


def _operator() -> str:
    return f"{operator()}@{os.uname().nodename}"[:100]


@contextmanager
def _new_file(file: Path) -> Iterator[TextIO]:
    if str(file) == "-":
        yield sys.stdout
        return
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise Refused(f"{file} is there already; name a new file") from None
    with os.fdopen(handle, "w", encoding="utf-8") as out:
        yield out
