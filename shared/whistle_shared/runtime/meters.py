"""What a service tells Prometheus about its mechanisms, beside what libraries tell of themselves."""

from prometheus_client import CollectorRegistry
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from whistle_shared.audit import audit_waiting
from whistle_shared.db import Group
from whistle_shared.observability import Counter, Gauge, metrics_text


class Meters:
    """The meters of one service; `registry` takes what else the service measures."""

    def __init__(self, engine: AsyncEngine, group: Group) -> None:
        self._engine = engine
        self.registry = CollectorRegistry()
        self._pending = self._gauge("outbox_pending", "Confirmations outstanding")
        self._stuck = self._gauge("outbox_stuck", "Receipts missing for too long")
        self._unlinked = self._gauge("audit_unlinked_seconds", "Age of the oldest audit row without a link")
        reused = self._gauge("event_ids_reused", "Other events under an id heard before")
        reused.set_function(lambda: group.ids_reused)
        self._turned_away = Counter("whistle_over_budget", "Requests over a budget", ["budget"], registry=self.registry)

    def _gauge(self, name: str, about: str) -> Gauge:
        return Gauge(f"whistle_{name}", about, registry=self.registry)

    def turned_away(self, budget: str) -> None:
        """A request was over this budget."""
        self._turned_away.labels(budget).inc()

    async def text(self) -> bytes:
        """All of them as Prometheus reads them, counted now."""
        async with self._engine.connect() as connection:
            counted = await connection.execute(text("select count(*), count(*) filter (where stuck) from outbox_due"))
            pending, stuck = counted.one()
            unlinked = await audit_waiting(connection)
        self._pending.set(pending)
        self._stuck.set(stuck)
        self._unlinked.set(unlinked.total_seconds())
        return metrics_text(self.registry)
