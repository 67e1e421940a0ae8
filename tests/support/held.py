"""Messages held back on their way, to arrive late or in another order."""

from aio_pika.abc import AbstractIncomingMessage

from support.broker import Broker, envelopes


class Held:
    """What was taken out of one queue. While it is held, nobody waits for the receipts it would bring."""

    def __init__(self, broker: Broker, queue: str) -> None:
        self._broker = broker
        self._queue = queue
        self.messages: list[AbstractIncomingMessage] = []

    @property
    def keys(self) -> list[str]:
        """The types of the held events, in the order in which they came."""
        return [raw["type"] for message in self.messages for raw in envelopes(message)]

    async def take(self) -> None:
        """Take what waits in the queue now."""
        self.messages += await self._broker.take_all(self._queue)

    async def arrives(self, *, reversed_order: bool = False) -> None:
        """Let everything held arrive after all."""
        messages, self.messages = self.messages, []
        for message in messages[::-1] if reversed_order else messages:
            await self._broker.put_again(self._queue, message)
