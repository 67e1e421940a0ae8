"""Fields that say what cannot be, and odd but legal text that is kept (RELIABILITY.md 4.2; the row numbers are its).

INVARIANT: bad input is answered with a 4xx that names the field; it never becomes a 5xx.
"""

from datetime import timedelta
from uuid import uuid4

import httpx
import pytest

from support.city import City
from support.refusals import REPORT, Body, as_json, body, names, raise_raw, refused, report_raw
from support.waiting import until
from whistle_shared.timesource import utc_text

POINT = {"latitude": 39.9, "longitude": 116.3}
FIELDS: dict[str, tuple[Body, str]] = {
    "row03 NUL": ({"title": "井\x00盖"}, "title"),
    "row03 NUL in a code": ({"category": "07\x0001"}, "category"),
    "row06 an integer beyond int8": ({"title": 2**70}, "title"),
    "row06 an integer beyond int8 as a code": ({"category": 10**30}, "category"),
    "row12 an unknown field": ({"colour": "red"}, "colour"),
    "row12 a number for a text": ({"title": 5}, "title"),
    "row12 a text for a list": ({"departments": "CGJ"}, "departments"),
    "row12 null for a text": ({"title": None}, "title"),
    "row12 an object for a text": ({"place": {"a": 1}}, "place"),
    "row12 a text for a truth": ({"cross_district": "true"}, "cross_district"),
    "row12 a text for a number": ({"location": POINT | {"latitude": "39.9"}}, "location.latitude"),
    "row13 an empty title": ({"title": ""}, "title"),
    "row13 a title of spaces": ({"title": " \t\u3000"}, "title"),
    "row13 a title of nothing visible": ({"title": "\u200b\u200d\ufeff"}, "title"),
    "row13 a title of 201 characters": ({"title": "井" * 201}, "title"),
    "row13 a description of 10,001 characters": ({"description": "井" * 10_001}, "description"),
    "row13 a place of 501 characters": ({"place": "井" * 501}, "place"),
    "row17 a time that nobody asked for": ({"blown_at": "9999-12-31T23:59:60+25:00"}, "blown_at"),
    "row18 a latitude beyond the pole": ({"location": POINT | {"latitude": 90.1}}, "location.latitude"),
    "row18 a longitude beyond the date line": ({"location": POINT | {"longitude": -180.5}}, "location.longitude"),
    "row18 swapped": ({"location": {"latitude": 116.3, "longitude": 39.9}}, "location.latitude"),
    "row18 half a point": ({"location": {"latitude": 39.9}}, "location.longitude"),
    "row18 a datum of its own": ({"location": POINT | {"datum": "GCJ-02"}}, "location.datum"),
    "row18 a point as a list": ({"location": [39.9, 116.3]}, "location"),
    "row18 a point of nulls": ({"location": {"latitude": None, "longitude": None}}, "location.latitude"),
    "row20 twenty-one departments": ({"departments": ["CGJ"] * 21}, "departments"),
    "row20 ten thousand departments": ({"departments": [f"D{n}" for n in range(10_000)]}, "departments"),
    "row20 an unknown department": ({"departments": ["NOPE"]}, "departments.0"),
    "row20 a department of odd signs": ({"departments": ["CGJ; drop table whistle"]}, "departments.0"),
    "row20 a code with a newline": ({"category": "0701\n"}, "category"),
    "row20 a code beyond its length": ({"grid": "S" * 33}, "grid"),
    "row20 an unknown sub-category": ({"category": "9999"}, "category"),
    "row20 an unknown grid": ({"grid": "S99-G999"}, "grid"),
}


@pytest.mark.parametrize("name", FIELDS)
async def test_a_field_that_is_wrong_is_named(door: City, name: str) -> None:
    changes, field = FIELDS[name]
    assert field in names(refused(await raise_raw(door, body(door, **changes)), 422))


CONTACT = {"name": "王女士", "phone": "13800138000"}
REPORTED: dict[str, tuple[Body, str]] = {
    "row03 NUL in a report": ({"text": "a\x00b"}, "text"),
    "row12 an unknown field of a report": ({"status": "handled"}, "status"),
    "row13 a report of 2,001 characters": ({"text": "井" * 2_001}, "text"),
    "row13 a report of nothing visible": ({"text": "\u200b"}, "text"),
    "row18 a report at the wrong end": ({"location": {"latitude": -91, "longitude": 0}}, "location.latitude"),
    "row19 a number of ten digits": ({"contact": CONTACT | {"phone": "1380013800"}}, "contact.phone"),
    "row19 a number of twelve digits": ({"contact": CONTACT | {"phone": "138001380001"}}, "contact.phone"),
    "row19 letters in a number": ({"contact": CONTACT | {"phone": "138OO138OOO"}}, "contact.phone"),
    "row19 an identity card for a number": ({"contact": CONTACT | {"phone": "110101199003070010"}}, "contact.phone"),
    "row19 Arabic digits": ({"contact": CONTACT | {"phone": "١٣٨٠٠١٣٨٠٠٠"}}, "contact.phone"),
    "row19 a number as a number": ({"contact": CONTACT | {"phone": 13800138000}}, "contact.phone"),
    "row19 a long number": ({"contact": CONTACT | {"phone": "1" * 100_000}}, "contact.phone"),
    "row19 NUL in a name": ({"contact": CONTACT | {"name": "王\x00"}}, "contact.name"),
    "row19 a name of 51 characters": ({"contact": CONTACT | {"name": "王" * 51}}, "contact.name"),
    "row19 a card that nobody asked for": ({"contact": CONTACT | {"id_card": "110101199003070010"}}, "contact.id_card"),
    "row33 a photo by its file's name": ({"photos": ["../../etc/passwd"]}, "photos.0"),
    "row33 ten photos": ({"photos": [str(uuid4())] * 10}, "photos"),
}


@pytest.mark.parametrize("name", REPORTED)
async def test_a_field_of_a_report_that_is_wrong_is_named_and_a_number_is_not_repeated(door: City, name: str) -> None:
    changes, field = REPORTED[name]
    answer = await report_raw(door, REPORT | changes)
    assert field in names(refused(answer, 422))
    for said in (REPORT | changes).get("contact", {}).values():
        assert len(str(said)) < 5 or str(said) not in answer.text


async def test_row19_full_width_digits_are_digits(city: City) -> None:
    answer = await report_raw(city, REPORT | {"contact": {"name": "王女士", "phone": "１３８ ００１３－８０００"}})
    assert answer.status_code == 201, answer.text


async def test_row19_no_number_stands_in_the_log(city: City, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither of a report that is taken nor of one that is refused."""
    for phone in ("13812345678", "138123456789"):
        await report_raw(city, REPORT | {"text": f"请打 {phone}", "contact": {"name": "赵六", "phone": phone}})
    await city.settles()
    said = capsys.readouterr()
    assert "1381234567" not in said.out + said.err
    assert "赵六" not in said.out + said.err


REASONS: dict[str, tuple[Body, str]] = {
    "row13 an empty title": ({"title": ""}, "must not be empty"),
    "row13 a title of spaces": ({"title": " \t"}, "must contain at least one visible character"),
    "row13 a title that is too long": ({"title": "井" * 201}, "has 201 characters; at most 200 are allowed"),
    "row20 too many departments": ({"departments": ["CGJ"] * 21}, "has 21 entries; at most 20 are allowed"),
}


@pytest.mark.parametrize("name", REASONS)
async def test_the_reason_is_in_words_that_whoever_fills_in_the_field_understands(door: City, name: str) -> None:
    changes, reason = REASONS[name]
    problem = refused(await raise_raw(door, body(door, **changes)), 422)
    assert [error["reason"] for error in problem["errors"]] == [reason]
    assert problem["detail"].endswith(f": {reason}")


ODD = {
    "row14 a rare character": "𠮷野家",
    "row14 a family": "👩‍👩‍👧‍👦",
    "row14 right to left": "a\u202eb\u2066c",
    "row14 compatibility forms": "①㈱ﬁ",
    "row14 composed and not": "e\u0301 é",
    "row15 SQL": "'; drop table whistle; --",
    "row15 HTML and templates": "<script>alert(1)</script>{{7*7}}${7*7}",
    "row15 a second header": "line\r\nSet-Cookie: a=b\r\n",
    "row15 a second line of the log": "x\n2026-06-01 [error] forged\x1b[31m",
    "row15 formats": "%s %(name)s {0} :id $1",
    "row16 a formula": "=1+1",
    "row13 two hundred characters": "井" * 200,
}


@pytest.mark.parametrize("name", ODD)
async def test_odd_but_legal_text_is_kept_exactly(city: City, name: str) -> None:
    said = ODD[name]
    street = city.street("S01")
    whistle = await street.blows(title=said, description=said, place=said)
    facts = (await street.sees(whistle))["facts"]
    assert (facts["title"], facts["description"], facts["place"]) == (said, said, said)
    await city.settles()
    [task] = await city.department("CGJ").tasks()
    assert task["title"] == said
    await city.expects_nothing_parked()


async def test_row14_look_alikes_are_alike_where_duplicates_are_looked_for(city: City) -> None:
    """The same words in full-width letters, in compatibility forms, decomposed: one matter."""
    street = city.street("S01")
    await street.blows(title="A座井盖①号", description="é井盖缺失", grid="S01-G001", category="0701")
    known = await street.looks_for_the_like(title="Ａ座井盖1号", description="e\u0301井盖缺失", grid="S01-G001")
    assert known["duplicates"], known


async def test_row13_a_description_may_have_ten_thousand_characters(city: City) -> None:
    whistle = await city.street("S01").blows(description="𠮷" * 10_000)
    assert len((await city.street("S01").sees(whistle))["facts"]["description"]) == 10_000


@pytest.mark.parametrize("name", ["time", "blown_at", "acknowledged_at"])
async def test_row29_a_clients_time_is_not_asked_for(city: City, name: str) -> None:
    """Only the server's time counts, so a time in a body is an unknown field."""
    refused(await raise_raw(city, body(city, **{name: "9999-12-31T23:59:60+25:00"})), 422)
    whistle = await city.street("S01").blows(departments=["CGJ"])
    said = {"person": "王", name: "0001-01-01"}
    refused(await city.department("CGJ").steps(whistle, "acknowledgement", said), 422)


INSTANTS = {
    "row17 no zone": "2026-06-01T09:00:00",
    "row17 the year 1": "0001-01-01T00:00:00Z",
    "row17 the last of all": "9999-12-31T23:59:59.999999Z",
    "row17 the year 2201": "2201-01-01T00:00:00Z",
    "row17 an offset of 25 hours": "2026-06-01T09:00:00+25:00",
    "row17 a leap second": "2026-06-30T23:59:60Z",
    "row17 the 30th of February": "2026-02-30T09:00:00Z",
    "row17 a date alone": "2026-06-01",
    "row17 seconds since 1970": "1780304400",
    "row17 a number": 1780304400,
    "row17 words": "tomorrow",
    "row17 nothing": "",
    "row17 NUL": "2026-06-01T09:00:00Z\x00",
    "row17 full-width digits": "２０２６-06-01T09:00:00Z",
}
ASKED: dict[str, tuple[str, Body]] = {
    "extension": ("due_at", {"reason": "需要审批", "clock": "resolve"}),
    "suspension": ("until", {"reason": "待市级审批", "cause": "superior_approval"}),
}


@pytest.mark.parametrize("step", ASKED)
@pytest.mark.parametrize("name", INSTANTS)
async def test_an_instant_that_cannot_be_is_refused(door: City, name: str, step: str) -> None:
    field, said = ASKED[step]
    answer = await _asks(door, f"tasks/{uuid4()}/{step}", {"person": "王", field: INSTANTS[name], **said})
    assert names(refused(answer, 422)) == [field]


@pytest.mark.parametrize("name", INSTANTS)
async def test_an_instant_that_cannot_be_convenes_no_meeting(door: City, name: str) -> None:
    said = {"starts_at": INSTANTS[name], "departments": ["CGJ"], "place": "街道会议室", "agenda": "井盖"}
    answer = await door.call(
        *("intake", "POST", f"/api/v1/whistles/{uuid4()}/meetings"),
        role="street_initiator",
        scope="S01",
        content=as_json(said),
        headers={"content-type": "application/json"},
    )
    assert names(refused(answer, 422)) == ["starts_at"]


async def _asks(city: City, path: str, said: Body) -> httpx.Response:
    return await city.call(
        *("department.hosted", "POST", f"/api/v1/{path}"),
        role="department_head",
        scope="CGJ",
        content=as_json(said),
        headers={"content-type": "application/json"},
    )


@pytest.mark.parametrize("hours", [-24, 0], ids=["row22 before now", "row22 now"])
async def test_a_time_limit_that_is_none_is_refused(city: City, hours: int) -> None:
    """More time than there is can be asked for, but none that is over already."""
    whistle = await city.street("S01").blows(departments=["CGJ"], kind="appeal", urgency="normal")
    department = city.department("CGJ")
    await department.acknowledges(whistle)
    task = await department.task(whistle)
    due_at = utc_text(city.time.now() + timedelta(hours=hours))
    asked = {"person": "王", "reason": "需要审批", "clock": "resolve", "due_at": due_at}
    assert "due_at" in names(refused(await _asks(city, f"tasks/{task['task_id']}/extension", asked), 422))


async def test_row20_duplicate_departments_are_one(city: City) -> None:
    whistle = await city.street("S01").blows(departments=["GA", "CGJ", "GA", "CGJ"])
    assert whistle.view["departments_wanted"] == ["GA", "CGJ"]


async def test_row20_no_department_is_for_the_district_whistle_office(city: City) -> None:
    whistle = await city.street("S01").blows(category=None, departments=[])
    await until(lambda: _waits(city, whistle.whistle_id), "the whistle to wait for routing")


async def _waits(city: City, whistle_id: str) -> bool:
    answer = await city.call("dispatch", "GET", "/api/v1/dispatches?state=awaiting_triage")
    return whistle_id in [item["whistle_id"] for item in answer.json()["items"]]
