"""The matrix: every route of every service, for every role, at home and elsewhere, and for those with nothing to show.

The routes come from the running applications and the people from support/walkers.py; who may do what stands in
support/matrix.py, written without the programs' own table of roles; what it is done with, in support/story.py.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass
from uuid import uuid4

import orjson
import pytest
import pytest_asyncio
from fastapi.routing import iter_route_contexts
from starlette.routing import Mount

from support import matrix, pictures, story
from support.city import City
from support.rows import CLOCK_READERS, FORM, STREET_SIDE, Row, Table
from support.stack import PROCESSES
from support.story import Story, Thing
from support.walkers import HOST, Headers, Walker, everybody, everybody_is_there, half_in, knock
from whistle_shared.auth import ROLES
from whistle_shared.pages.assets import Assets
from whistle_shared.runtime import Service

TABLES: dict[str, Table] = {
    "intake": matrix.INTAKE,
    "dispatch": matrix.DISPATCH,
    "department.hosted": matrix.department("task", "letter"),
    "department.ga": matrix.department("task at GA", None),
    "escalation": matrix.ESCALATION,
}
AT_ONCE = 8
_ANYBODY = ("nobody", "arbitrator of the district", "a token that is over")
_HOLE = re.compile(r"\{([a-z_]+)\}")
_STATIC = {"/static": Assets().address("pages.css").rpartition("/")[2], "/docs/files": "swagger-ui.css"}


@dataclass
class Town:
    """The city after the story, and everybody by service."""

    city: City
    told: Story
    people: dict[str, list[Walker]]

    def named(self, producer: str, name: str) -> Walker:
        return next(walker for walker in self.people[producer] if walker.name == name)


@pytest_asyncio.fixture(scope="module")
async def town(standing_city: City) -> AsyncIterator[Town]:
    await standing_city.clean()
    told = await story.tell(standing_city)
    people = {producer: await everybody(standing_city, producer, told) for producer in PROCESSES.values()}
    yield Town(standing_city, told, people)


# -- the routes -----------------------------------------------------------------------------------------------


def routes_of(service: Service) -> set[str]:
    """`GET /api/v1/whistles`: every route of an application; what is mounted is one route."""
    found = set()
    for route in iter_route_contexts(service.app.routes):
        if isinstance(route.original_route, Mount):
            found.add(f"GET {route.path}/*")
        else:
            found |= {f"{method} {route.path}" for method in route.methods or ()}
    return found


def test_there_is_somebody_of_every_role() -> None:
    assert everybody_is_there(set(ROLES))


@pytest.mark.parametrize("producer", list(TABLES))
async def test_the_table_has_every_route_of_the_running_application(door: City, producer: str) -> None:
    """INVARIANT: no route without a row in the matrix, and no row without a route."""
    table = set(matrix.ANYWHERE) | set(TABLES[producer])
    assert routes_of(door.services[producer]) == table
    provided = door.build(producer, **matrix.WITH_PROVIDER)
    assert routes_of(provided) == table | set(matrix.SINGLE_SIGN_ON)


@pytest.mark.parametrize("producer", list(TABLES))
async def test_single_sign_on_asks_nobody_who_they_are(town: Town, producer: str) -> None:
    """Its routes are there where a provider is; nothing that somebody shows makes a difference at them."""
    service = town.city.build(producer, **matrix.WITH_PROVIDER)
    for route, (row,) in matrix.SINGLE_SIGN_ON.items():
        for walker in come(row, town.people[producer]):
            method, path = route.split(" ")
            assert (await knock(service.app, method, path, walker.page)).told == f"{row.gives}", (route, walker.name)
    for closing in (service.outgoing.aclose, service.engine.dispose, service.command_engine.dispose):
        await closing()


# -- the matrix -----------------------------------------------------------------------------------------------


async def test_the_matrix(town: Town) -> None:
    """INVARIANT: whoever may not is answered 401, 403 or 404, at every route; whoever may is not."""
    wrong: dict[str, list[str]] = {}
    for producer in PROCESSES.values():
        visits = list(visits_at(town, producer))
        for start in range(0, len(visits), AT_ONCE):
            batch = visits[start : start + AT_ONCE]
            answers = await asyncio.gather(*(visited(town.city.services[producer], visit) for visit in batch))
            for visit, seen in zip(batch, answers, strict=True):
                if seen != visit.expected:
                    fault = f"{producer} {visit.method} {visit.target}: {seen} instead of {visit.expected}"
                    wrong.setdefault(fault, []).append(visit.walker.name)
    told_of = [f"{fault} for {', '.join(whom)}" for fault, whom in sorted(wrong.items())]
    assert not told_of, "answers that are not as the table says:\n" + "\n".join(told_of)


@dataclass(frozen=True, slots=True)
class Visit:
    """One request, and the answer that the table gives it."""

    walker: Walker
    method: str
    target: str
    row: Row
    body: bytes
    expected: str


def visits_at(town: Town, producer: str) -> Iterator[Visit]:
    for route, rows in {**matrix.ANYWHERE, **TABLES[producer]}.items():
        method, path = route.split(" ")
        for row in rows:
            thing = thing_of(town, producer, row)
            target = _target(path, row, thing)
            for walker in come(row, town.people[producer]):
                yield Visit(walker, method, target, row, _body(row, walker, thing), expects(row, walker, thing))


def thing_of(town: Town, producer: str, row: Row) -> Thing | None:
    return None if row.about is None else {**town.told.things, **town.told.there[producer]}[row.about]


def come(row: Row, people: Iterable[Walker]) -> Iterator[Walker]:
    """Where nothing lies in any place, and where a role may not anyway, one of each role will do; where nobody is
    asked, nobody's kind matters."""
    seen: set[str] = set()
    for walker in people:
        if walker.role in seen and (row.about is None or walker.role not in row.who):
            continue
        seen.add(walker.role or "")
        if row.door != "public" or walker.name in _ANYBODY:
            yield walker


def expects(row: Row, walker: Walker, thing: Thing | None) -> str:
    """What the table says that this walker is answered: the status, and `to sign in` where they are sent there."""
    shown = {name for name, _ in walker.api}
    if row.door == "public":
        return f"{row.gives}"
    if row.door == "code":
        return f"{row.gives}" if "tracking-code" in shown else "422"
    if walker.role is None:
        if row.door == "resident" and "authorization" not in shown:
            return f"{row.gives}"
        return "303 to sign in" if row.door == "page" else "401"
    if walker.role not in row.who:
        return "303" if walker.role in row.leads_on else "403"
    if thing is not None and not walker.sees(thing):
        return f"{row.strange}"
    return "403" if walker.role in row.refuses else f"{row.gives}"


def _target(path: str, row: Row, thing: Thing | None) -> str:
    if path.endswith("/*"):
        folder = path.removesuffix("/*")
        return f"{folder}/{_STATIC[folder]}"
    names = thing.names if thing else {}
    return _HOLE.sub(lambda hole: names[hole[1]], path + (f"?{row.query}" if row.query else ""))


def _body(row: Row, walker: Walker, thing: Thing | None) -> bytes:
    strange = thing is not None and not walker.sees(thing)
    said = row.body if row.harmless is None or strange else row.harmless
    if said is None or isinstance(said, str):
        return (said or "").encode()
    at_home = walker.role in STREET_SIDE
    names = {"own_street": walker.scope if at_home else story.STREET, **(thing.names if thing else {})}
    own_grid = orjson.dumps(walker.part if at_home else None).decode()
    text = orjson.dumps(said).decode().replace('"{own_grid}"', own_grid)
    return _HOLE.sub(lambda hole: names.get(hole[1], hole[0]), text).encode()


async def visited(service: Service, visit: Visit) -> str:
    """What the walker is answered."""
    row = visit.row
    headers = visit.walker.page if row.door in ("page", "stream") else visit.walker.api
    if row.body is not None:
        headers += sent_with(row.kind, "http://elsewhere.test" if row.elsewhere else f"http://{HOST}")
    answer = await knock(service.app, visit.method, visit.target, headers, visit.body)
    return answer.told if answer.status < 500 else f"{answer.status} {answer.body[:200].decode()}"


def sent_with(kind: str, origin: str) -> Headers:
    return ("content-type", kind), ("idempotency-key", uuid4().hex), ("origin", origin)


async def test_the_api_answers_a_session_as_it_answers_a_token(town: Town) -> None:
    """INVARIANT: on a page one may do what one may do with a token, and nothing else. One who may, one who may not."""
    wrong: list[str] = []
    for producer in PROCESSES.values():
        visits: dict[tuple[str, bool], Visit] = {}
        for visit in visits_at(town, producer):
            if visit.row.door == "api" and visit.walker.page and visit.walker.role is not None:
                asked = f"{visit.method} {visit.target} {visit.body!r}"
                visits.setdefault((asked, visit.walker.role in visit.row.who), visit)
        for visit in visits.values():
            headers = (*visit.walker.page, *sent_with("application/json", f"http://{HOST}"))
            answer = await knock(town.city.services[producer].app, visit.method, visit.target, headers, visit.body)
            # What is done already clashes when it is done again.
            if answer.told not in (visit.expected, "409" if visit.walker.role in visit.row.who else ""):
                wrong.append(f"{producer} {visit.method} {visit.target} of {visit.walker.name}: {answer.told}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("producer", list(TABLES))
async def test_the_table_has_every_topic(door: City, producer: str) -> None:
    """INVARIANT: no live page without a row in the matrix."""
    rows = TABLES[producer]["GET /live"]
    told = {row.query.removeprefix("topic=").partition("&")[0] for row in rows} - {"none"}
    assert told == set(door.services[producer].app.state.live.topics)


async def test_a_session_that_owes_something_or_is_over_opens_no_page(town: Town) -> None:
    """Whatever is asked for, one is sent to what comes first, or told 401 where nobody is sent anywhere."""
    app = town.city.services["escalation"].app
    for walker, sent in await half_in(town.city, "escalation"):
        for route, (row, *_) in matrix.ESCALATION.items():
            method, path = route.split(" ")
            if row.door == "public" or path.startswith("/account/"):
                continue
            headers = (*walker.page, *sent_with(row.kind, f"http://{HOST}"))
            target = _target(path, row, thing_of(town, "escalation", row))
            answer = await knock(app, method, target, headers, b"{}" if row.kind != FORM else b"")
            expected = {"page": ["303"], "api": ["401"]}.get(row.door, ["303", "401"])
            assert f"{answer.status}" in expected, (walker.name, route)
            assert answer.status == 401 or answer.location == sent, (walker.name, route)


@pytest.mark.parametrize("origin", ["http://elsewhere.test", "null", None])
async def test_no_form_is_taken_from_another_page(town: Town, origin: str | None) -> None:
    """INVARIANT: a session is worth nothing to another site: what changes something comes from our own page."""
    walker = town.named("intake", "administrator of the district")
    for route, (row,) in matrix.ENTRANCE.items():
        method, path = route.split(" ")
        if method == "POST":
            headers = (*walker.page, ("content-type", FORM), *((("origin", origin),) if origin else ()))
            target = _target(path, row, thing_of(town, "intake", row))
            answer = await knock(town.city.services["intake"].app, method, target, headers)
            assert answer.told == "403", (route, answer.told)


# -- what lists, streams and photos show ------------------------------------------------------------------------


async def test_a_list_has_only_what_exists_for_its_reader(town: Town) -> None:
    """INVARIANT: what is whose to see is in the SQL.

    INVARIANT: a desk shows the reports of the viewer's place and of no other.

    INVARIANT: a list holds no row of another street, grid or department."""
    wrong: list[str] = []
    for producer, things in town.told.listed.items():
        all_seeing = [town.named(producer, f"{role} of the district") for role in ("operations", "administrator")]
        shown = {path: row for path, row in _lists(producer) if await _shown(town, producer, path, row, all_seeing)}
        seen: set[str] = set()
        for walker in town.people[producer]:
            for path, row in shown.items():
                found = await _shown(town, producer, path, row, [walker])
                wrong += [
                    f"{producer} {path}: {walker.name} is shown {id_}" for id_ in found if not walker.sees(things[id_])
                ]
                seen |= found
        assert seen == set(things), f"what no list of {producer} shows to anybody proves nothing"
    assert not wrong, "\n".join(wrong)


def _lists(producer: str) -> Iterator[tuple[str, Row]]:
    for route, (row, *_) in TABLES[producer].items():
        method, path = route.split(" ")
        if method == "GET" and row.about is None and row.door in ("api", "page") and not path.startswith("/account"):
            yield f"{path}?limit=200", row


async def _shown(town: Town, producer: str, path: str, row: Row, readers: Iterable[Walker]) -> set[str]:
    """The ids of the story that a list shows to these readers."""
    body = b""
    for walker in readers:
        if walker.role in row.who:
            headers = walker.page if row.door == "page" else walker.api
            body += (await knock(town.city.services[producer].app, "GET", path, headers)).body
    return {id_ for id_ in town.told.listed[producer] if id_.encode() in body}


async def test_a_stream_carries_only_what_exists_for_its_listener(town: Town) -> None:
    """INVARIANT: a stream carries the panels of its listener's own scope and no others'."""
    listeners = [walker for walker in town.people["escalation"] if walker.role in CLOCK_READERS]
    app = town.city.services["escalation"].app
    for start in range(0, len(listeners), AT_ONCE):
        batch = listeners[start : start + AT_ONCE]
        streams = (knock(app, "GET", "/live?topic=dashboard", walker.page, enough=_has_panels) for walker in batch)
        for walker, answer in zip(batch, await asyncio.gather(*streams), strict=True):
            for title, thing in town.told.titles.items():
                assert (title in answer.body.decode()) == walker.sees(thing), (walker.name, title)


def _has_panels(body: bytes) -> bool:
    return b"\nid: " in body and body.endswith(b"\n\n")


HOLDERS = [
    ("intake", "street_initiator of S01", "department_head of CGJ"),
    ("department.hosted", "handler of CGJ", "handler of a section of CGJ"),
]


@pytest.mark.parametrize(("producer", "holder", "other"), HOLDERS)
async def test_a_photo_is_shown_to_the_holder_of_its_address_and_to_nobody_else(
    town: Town, producer: str, holder: str, other: str
) -> None:
    """INVARIANT: a photo is shown to the holder of its address and to nobody else; to others it does not exist."""
    app, name = town.city.services[producer].app, town.named(producer, holder)
    sent = (*name.api, ("content-type", "image/jpeg"))
    added = await knock(app, "POST", "/api/v1/photos", sent, pictures.photo())
    assert added.told == "201", added.body
    address = orjson.loads(added.body)["thumbnail"]
    for walker in town.people[producer]:
        for headers in (walker.api, walker.page):
            expected = "200" if headers == name.api else "404"
            assert (await knock(app, "GET", address, headers)).told == expected, walker.name
    elsewhere = town.named(producer, other)
    theirs = address.replace(_id_of(address), await _caller_id(town, producer, elsewhere))
    assert (await knock(app, "GET", theirs, elsewhere.api)).told == "404", "an address made out to somebody else"


def _id_of(address: str) -> str:
    return str(re.findall(r"for=([0-9a-f-]+)", address)[0])


async def _caller_id(town: Town, producer: str, walker: Walker) -> str:
    token = walker.api[0][1].removeprefix("Bearer ")
    return str((await town.city.services[producer].tokens.caller(token)).id)
