"""The duty that sends what is due: claims notices, has them delivered, writes down the proof.

INVARIANT: whatever crashes, an attempt that began is on record before it begins (`store.claim`).
"""

import asyncio
from typing import Any, cast

import structlog

from whistle_escalation.notices import store
from whistle_escalation.notices.channels import PURPOSE
from whistle_escalation.notices.courier_process import Courier
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
_LIMIT = 32
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

    async def run(self) -> None:
        """Send until cancelled; what is under way then is given a moment to end, for the proof."""
        try:
            while True:
                round_ = asyncio.create_task(self._round())
                try:
                    sent = await asyncio.shield(round_)
                except asyncio.CancelledError:
                    await asyncio.wait({round_}, timeout=_LEAVE)
                    round_.cancel()
                    raise
                if sent < _LIMIT:
                    await self._service.group.next_change(_EVERY)
        finally:
            await self.courier.close()

    async def _round(self) -> int:
        """Send what is due, at most so many; how many there were."""
        try:
            if not await store.is_due(self._service.engine, self._service.time.now()):
                return 0
            async with self._service.group.unit() as unit:
                sendings = await store.claim(unit, _LIMIT)
            ends = await asyncio.gather(*(self._send(sending) for sending in sendings), return_exceptions=True)
        except Exception as error:
            if not is_passing(error):
                raise
            log.warning("notices.interrupted", error=str(error)[:200])
            await asyncio.sleep(_EVERY)
            return 0
        for end in ends:
            # An attempt whose end could not be written down is a lost one after its lease.
            if isinstance(end, BaseException) and not is_passing(end):
                raise end
        return len(sendings)

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
