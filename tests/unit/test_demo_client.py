"""The demo's client, which is patient, and the options it is started with."""

import httpx
import pytest

from whistle_demo.client import Api, Refused
from whistle_demo.options import BadOption, Options

# -- the patient client


async def test_a_command_is_repeated_with_the_same_key_until_it_is_answered() -> None:
    """INVARIANT: a command is repeated with the same idempotency key until it is answered."""
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        if len(asked) == 1:
            raise httpx.ConnectError("nobody listens", request=request)
        return httpx.Response(503) if len(asked) == 2 else httpx.Response(201, json={"whistle_id": "w"})

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        assert await Api(http, "http://intake", "t").post("/whistles", {"title": "x"}, "k1") == {"whistle_id": "w"}
    assert [request.headers["Idempotency-Key"] for request in asked] == ["k1"] * 3
    assert len({request.content for request in asked}) == 1


async def test_a_refusal_is_not_repeated() -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(409, text="not possible in this state")

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        with pytest.raises(Refused, match="409 not possible in this state"):
            await Api(http, "http://department", "t").post("/tasks/1/arrival", {}, "k")
    assert len(asked) == 1


async def test_a_list_is_read_to_its_end() -> None:
    pages = {None: ([{"n": 1}, {"n": 2}], "two"), "two": ([{"n": 3}], None)}

    def answer(request: httpx.Request) -> httpx.Response:
        items, cursor = pages[request.url.params.get("cursor")]
        return httpx.Response(200, json={"items": items, "next_cursor": cursor})

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        assert [item["n"] async for item in Api(http, "http://x", "t").items("/tasks")] == [1, 2, 3]


# -- the options


def test_the_demo_opens_on_a_working_monday_at_nine_in_shanghai() -> None:
    options = Options.read({})
    assert options.times.opening.isoformat() == "2026-03-09T09:00:00+08:00"
    assert options.times.opening.weekday() == 0
    assert (options.input, options.keep) == (None, False)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WHISTLE_TIME_RATE", "fast"),
        ("WHISTLE_TIME_RATE", "0"),
        ("WHISTLE_TIME_UNTIL", "2026-03-09T08:00:00+08:00"),
        ("WHISTLE_TIME_UNTIL", "2026-03-09T15:00:00"),
        ("WHISTLE_TIME_ANCHOR_BUSINESS", "monday"),
    ],
)
def test_an_option_that_cannot_be_is_named(name: str, value: str) -> None:
    with pytest.raises(BadOption, match=name):
        Options.read({name: value})
