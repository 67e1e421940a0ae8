"""Logs, metrics and the thread that ties one matter's steps together (correlation and W3C trace context)."""

from whistle_shared.observability.log import configure_logging
from whistle_shared.observability.metrics import Counter, Gauge, metrics_text
from whistle_shared.observability.trace import Trace, new_trace

__all__ = ["Counter", "Gauge", "Trace", "configure_logging", "metrics_text", "new_trace"]
