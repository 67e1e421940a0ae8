"""What stands in front of a service is believed only where it is named, and files are given one by one."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from support.city import City
from support.stack import PROCESSES
from support.walkers import knock
from whistle_shared.runtime import Service
from whistle_shared.runtime.process import config_of

PROXY, STRANGER, REAL = "10.0.0.1", "198.51.100.9", "203.0.113.7"


async def tells_who_asks(scope: Any, receive: Any, send: Any) -> None:
    """An application that answers with the address and the scheme that it is told."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": f"{scope['scheme']} {scope['client'][0]}".encode()})


@pytest.mark.parametrize(
    ("trusted", "comes_from", "told"),
    [
        ("", PROXY, f"http {PROXY}"),
        (PROXY, PROXY, f"https {REAL}"),
        (PROXY, STRANGER, f"http {STRANGER}"),
    ],
)
async def test_a_callers_address_is_believed_from_a_proxy_that_is_named_and_from_nobody_else(
    trusted: str, comes_from: str, told: str
) -> None:
    settings = SimpleNamespace(host="127.0.0.1", port=0, trusted_proxies=trusted, limit_connections=8)
    config = config_of(cast(Service, SimpleNamespace(app=tells_who_asks, settings=settings)))
    config.load()
    forwarded = (("x-forwarded-for", REAL), ("x-forwarded-proto", "https"))
    answer = await knock(config.loaded_app, "GET", "/", forwarded, comes_from=comes_from)
    assert answer.body.decode() == told


@pytest.mark.parametrize("producer", PROCESSES.values())
async def test_no_folder_is_listed_and_nothing_outside_one_is_given(door: City, producer: str) -> None:
    app = door.services[producer].app
    for path in ("/static/", "/docs/files/", "/static/../pages.py", "/docs/files/../../__init__.py"):
        assert (await knock(app, "GET", path)).status in (404, 405), path
