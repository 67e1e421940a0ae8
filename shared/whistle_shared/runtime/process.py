"""Runs one service as a process, under uvicorn."""

import asyncio
import gc
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import uvicorn
import uvloop

from whistle_shared.observability import configure_logging
from whistle_shared.runtime.protocol import Bounds, GuardedProtocol
from whistle_shared.runtime.service import Service


def run_process(build: Callable[[], Service]) -> None:
    """Serve until SIGTERM or SIGINT; exit with 1 when a background duty ended on its own."""
    raise SystemExit(uvloop.run(_serve(build)))


async def _serve(build: Callable[[], Service]) -> int:
    service = build()
    configure_logging(service.name, service.settings.log_level)
    server = _Server(config_of(service), service)
    await service.start()
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    watch = asyncio.create_task(_stop_on_failure(service, server))
    await server.serve()
    watch.cancel()
    failed = service.failed.is_set()
    await service.stop()
    return 1 if failed else 0


def config_of(service: Service) -> uvicorn.Config:
    """How a service is served."""
    settings = service.settings
    return uvicorn.Config(
        service.app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=10,
        timeout_keep_alive=75,
        http=partial(GuardedProtocol, bounds=Bounds(connections=settings.limit_connections)),  # type: ignore[arg-type]
        ws="none",
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=settings.trusted_proxies or None,
    )


class _Server(uvicorn.Server):
    """uvicorn kills its own process after SIGTERM; we still have work to finish and events to hand over then."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """SIGTERM and SIGINT end the serving; a second one ends it without waiting for open requests."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._told_to_stop, number)
        yield

    def _told_to_stop(self, number: int) -> None:
        self._service.stopping = True
        self.handle_exit(number, None)


async def _stop_on_failure(service: Service, server: uvicorn.Server) -> None:
    await service.failed.wait()
    service.stopping = True
    server.should_exit = True
