"""What each page costs its service: from the request to the whole answer, inside the application, warmed up.

Twice for each: drawn anew, as after every change, and as it is shown to the next who looks.
"""

from dataclasses import dataclass
from statistics import median
from time import perf_counter

from support.every_page import View, views
from support.stack import PROCESSES
from support.stage import Stage
from support.walkers import knock

_WARMING = 1


@dataclass(frozen=True, slots=True)
class Cost:
    """Milliseconds, medians; bytes of the page itself, not compressed."""

    view: View
    fresh: float
    again: float
    weight: int


async def costs(stage: Stage, times: int) -> list[Cost]:
    """Every page, one after the other, so many times."""
    return [await _cost(stage, view, times) for view in views() if not view.sight.wall]


async def _cost(stage: Stage, view: View, times: int) -> Cost:
    fresh: list[float] = []
    again: list[float] = []
    for number in range(times + _WARMING):
        stage.city.services[PROCESSES[view.service]].app.state.live._channels.clear()
        for spans in (fresh, again):
            span, weight = await _visit(stage, view)
            if number >= _WARMING:
                spans.append(span * 1000)
    return Cost(view, median(fresh), median(again), weight)


async def _visit(stage: Stage, view: View) -> tuple[float, int]:
    app = stage.city.services[PROCESSES[view.service]].app
    cookies = "; ".join(f"{name}={value}" for name, value in (await view.cookies(stage)).items())
    target = view.address(stage).partition("#")[0]
    headers = (("accept", "text/html"), *((("cookie", cookies),) if cookies else ()))
    began = perf_counter()
    answer = await knock(app, "GET", target, headers)
    span = perf_counter() - began
    assert answer.status in (200, 303), (view.name, answer.status, answer.body[:300])
    return span, len(answer.body)
