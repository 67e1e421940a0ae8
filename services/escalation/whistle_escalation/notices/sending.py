"""The duty that sends what is due: claims notices, has them delivered, writes down the proof.

INVARIANT: whatever crashes, an attempt that began is on record before it begins (`store.claim`).
INVARIANT: an emergency's notice waits for no ordinary notice to be sent.
"""

import asyncio
from typing import Any, cast

import structlog

from whistle_escalation.notices import store
from whistle_escalation.notices.channels import PURPOSE
from whistle_escalation.notices.courier_process import AT_ONCE, Courier
from whistle_escalation.notices.domain import Channel, Outcome
from whistle_escalation.notices.push import Pusher, Subscription
from whistle_escalation.notices.wording import Wording
from whistle_shared.db import is_passing
from whistle_shared.keyring import Unreadable
from whistle_shared.outgoing import guarded_client
from whistle_shared.privacy import masked
from whistle_shared.runtime import Service

log = structlog.get_logger(__name__)
_EVERY = 1.0
# Somebody who tries a channel out finds a place, too.
_LIMIT = AT_ONCE - 1
_ORDINARY = AT_ONCE // 2
_LEAVE = 6.0
_RECEIPT = 300


class Sender:
    """Sends notices of one service. Also a duty: `run`."""

    def __init__(self, service: Service, wording: Wording, contact: str) -> None:
        self._service = service
        self.wording = wording
        settings = service.settings
        self.courier = Courier(settings.outgoing_allowed, settings.outgoing_authorities)
        self.pusher = Pusher(service.keyring, guarded_client(service.outgoing), contact)
        # What is being sent, and whether it is in a hurry.
        self.under_way: dict[asyncio.Task[None], bool] = {}

    async def run(self) -> None:
        """Send until cancelled; what is under way then is given a moment to end, for the proof."""
        group = self._service.group
        try:
            while True:
                changes = group.changes
                await self.look()
                if group.changes == changes:
                    # The end of what is under way is written down, and so a change.
                    await group.next_change(_EVERY)
        finally:
            if self.under_way:
                await asyncio.wait(self.under_way, timeout=_LEAVE)
            for sending in self.under_way:
                sending.cancel()
            await self.courier.close()

    async def look(self) -> None:
        """Begin to send what is due, as much as there is room for."""
        self._let_go()
        try:
            if await store.is_due(self._service.engine, self._service.time.now()):
                await self._begin(pressing=True)
                await self._begin(pressing=False)
        except Exception as error:
            if not is_passing(error):
                raise
            log.warning("notices.interrupted", error=str(error)[:200])
            await asyncio.sleep(_EVERY)

    async def _begin(self, *, pressing: bool) -> None:
        room = _LIMIT - len(self.under_way)
        if not pressing:
            room = min(room, _ORDINARY - sum(not hurries for hurries in self.under_way.values()))
        if room <= 0:
            return
        async with self._service.group.unit() as unit:
            sendings = await store.claim(unit, room, pressing=pressing)
        for sending in sendings:
            self.under_way[asyncio.create_task(self._send(sending))] = pressing

    def _let_go(self) -> None:
        """Of what has been sent. An attempt whose end could not be written down is a lost one after its lease."""
        for sending in [task for task in self.under_way if task.done()]:
            del self.under_way[sending]
            error = sending.exception()
            if error is not None and not is_passing(error):
                raise error

    async def _send(self, sending: store.Sending) -> None:
        notice, now = sending.notice, self._service.time.now()
        registry = self._service.replica.registry
        message = self.wording.message(notice, registry, sending.channel.language, now)
        outcome, receipt = await self.deliver(sending.channel, notice.cause_id, message, pressing=notice.pressing)
        async with self._service.group.unit() as unit:
            await store.settle(unit, sending, outcome, receipt)
        log.info(
            "notice.tried", notice_id=str(notice.notice_id), kind=notice.kind, outcome=outcome, attempt=sending.attempt
        )

    async def deliver(
        self, channel: Channel, cause: Any, message: dict[str, str], *, pressing: bool = False
    ) -> tuple[Outcome, str]:
        """Send one message by one channel: (outcome, what the provider answered, without anybody's numbers)."""
        try:
            secret = self._service.keyring.open(channel.sealed, f"{PURPOSE} {channel.channel_id}").decode()
        except Unreadable:
            return "gone", "sealed by a key that is here no more"
        if channel.kind == "push":
            outcome, receipt = await self.pusher.send(Subscription.of(secret), cause, message, pressing=pressing)
        else:
            job = {"address": secret, "title": message["title"], "body": message["body"], "pressing": pressing}
            answer = await self.courier.ask("send", job)
            outcome, receipt = cast(Outcome, answer["outcome"]), answer.get("receipt", "")
        return outcome, masked(receipt.replace(secret, "…"))[:_RECEIPT]
