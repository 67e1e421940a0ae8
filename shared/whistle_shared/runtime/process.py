"""Runs one service as a process, under uvicorn."""

import asyncio
import gc
from collections.abc import Callable

import uvicorn
import uvloop

from whistle_shared.observability import configure_logging
from whistle_shared.runtime.service import Service


def run_process(build: Callable[[], Service]) -> None:
    """Serve until SIGTERM or SIGINT; exit with 1 when a background duty ended on its own."""
    raise SystemExit(uvloop.run(_serve(build)))


async def _serve(build: Callable[[], Service]) -> int:
    service = build()
    settings = service.settings
    configure_logging(service.name, settings.log_level)
    config = uvicorn.Config(
        service.app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=10,
        timeout_keep_alive=75,
        http="httptools",
        server_header=False,
    )
    server = uvicorn.Server(config)
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


async def _stop_on_failure(service: Service, server: uvicorn.Server) -> None:
    await service.failed.wait()
    server.should_exit = True
