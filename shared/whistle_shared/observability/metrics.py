"""Metrics in the Prometheus text format, one registry per service so that several can live in one process."""

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

__all__ = ["Counter", "Gauge", "metrics_text"]


def metrics_text(registry: CollectorRegistry) -> bytes:
    """What `/metrics` answers."""
    return generate_latest(registry)
