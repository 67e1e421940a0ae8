"""structlog, one JSON line per event on standard output; every line carries the service.

INVARIANT: no telephone, identity-card or bank-card number reaches a log line whole, whoever logs it.
"""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from whistle_shared.privacy import masked, masked_values


def configure_logging(service: str, level: str = "INFO") -> None:
    """Set up logging for a process. Levels are Python's names."""
    threshold = logging.getLevelNamesMapping()[level.upper()]
    output = logging.StreamHandler(sys.stdout)
    output.setFormatter(_Masking("%(message)s"))
    logging.basicConfig(handlers=[output], level=max(threshold, logging.WARNING))
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _mask,
            structlog.processors.EventRenamer("event"),
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stdout),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(service=service)


def _mask(_logger: Any, _method: str, said: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Every value as it may be kept, tracebacks included."""
    return {name: masked_values(value) for name, value in said.items()}


class _Masking(logging.Formatter):
    """The same for what libraries log."""

    def format(self, record: logging.LogRecord) -> str:
        return masked(super().format(record))
