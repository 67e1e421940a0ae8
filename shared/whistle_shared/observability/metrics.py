"""Metrics in the Prometheus text format, one registry per service so that several can live in one process."""

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client import Counter as Counter
from prometheus_client import Gauge as Gauge


def metrics_text(registry: CollectorRegistry) -> bytes:
    """What `/metrics` answers."""
    return generate_latest(registry)
