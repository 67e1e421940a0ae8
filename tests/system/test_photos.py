"""Photos on their way: from a street's whistle to the departments, and back from the place of the work.

INVARIANT: a photo is claimed once, by its owner's people: whoever claims holds its row until the transaction ends.
"""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from obstore.store import LocalStore

from support import gallery
from support.city import City
from support.people import Blown, expect
from support.reporters import Neighbourhood

HANDLER: dict[str, Any] = {"producer": "department.hosted", "role": "handler"}


async def opens(city: City, shown: Mapping[str, Any], **who: str) -> bytes:
    """What a view's link leads to."""
    answers = [await gallery.looks(city, shown[name], **who) for name in ("address", "thumbnail")]
    assert [answer.status_code for answer in answers] == [200, 200], answers[0].text
    assert len(answers[0].content) > len(answers[1].content)
    return answers[0].content


def refused(answer: httpx.Response, field: str) -> None:
    assert answer.status_code == 422, answer.text
    assert [error["field"] for error in answer.json()["errors"]] == [field]


async def told(city: City, whistle: Blown, event: str) -> dict[str, Any]:
    """The last entry of this kind in the timeline, as the street sees it."""
    await city.expects_in_timeline(whistle, event)
    entries = (await city.street("S01").sees(whistle))["timeline"]
    return next(entry for entry in reversed(entries) if entry["event"].split(".")[1] == event)


# -- shown -----------------------------------------------------------------------------------------------------------


async def test_a_whistles_photos_are_shown_to_the_street_and_to_the_departments(city: City) -> None:
    added = [await gallery.adds(city) for _ in range(2)]
    ids = [photo["photo_id"] for photo in added]
    whistle = await city.street("S01").blows(photos=ids)
    assert whistle.view["facts"]["photos"] == ids
    seen = await city.street("S01").sees(whistle)
    assert [photo["photo_id"] for photo in seen["photos"]] == ids
    original = await opens(city, seen["photos"][0])
    for code in ("CGJ", "PSGS"):
        await city.department(code).task(whistle)
        task = await city.department(code).sees(whistle)
        assert task["facts"]["photos"] == ids
        who = {"producer": "department.hosted", "role": "department_head", "scope": code}
        assert await opens(city, task["photos"][0], **who) == original
        strange = await gallery.looks(city, task["photos"][0]["address"], **(who | {"scope": "GSGS"}))
        assert strange.status_code == 404


async def test_photos_from_the_place_are_shown_to_the_department_and_to_the_street(city: City) -> None:
    whistle = await city.street("S01").blows()
    office = city.department("CGJ")
    there, before, after = [await gallery.adds(city, scope="CGJ", **HANDLER) for _ in range(3)]
    await office.acknowledges(whistle)
    await office.takes(whistle, "arrival", place="东门路 12 号门前", mode="on_site", photo=there["photo_id"])
    await office.takes(whistle, "submission", result="已更换", evidence=[p["photo_id"] for p in (before, after, there)])
    history = {line["step"]: line for line in (await office.sees(whistle))["history"]}
    own = {"producer": "department.hosted", "role": "department_head", "scope": "CGJ"}
    assert [photo["photo_id"] for photo in history["arrival"]["photos"]] == [there["photo_id"]]
    assert history["acknowledgement"]["photos"] == []
    assert len(history["submission"]["photos"]) == 3
    picture = await opens(city, history["arrival"]["photos"][0], **own)
    arrival = await told(city, whistle, "responder_checked_in")
    assert arrival["data"]["photo"] == there["photo_id"]
    assert await opens(city, arrival["photos"][0]) == picture
    submission = await told(city, whistle, "task_submitted")
    assert [photo["photo_id"] for photo in submission["photos"]] == submission["data"]["evidence"]
    assert [photo["held_by"] for photo in submission["photos"]] == [None] * 3


async def test_what_is_kept_elsewhere_says_where(city: City, tmp_path: Path) -> None:
    """The dedicated instance has a store of its own: its photos, and those it would need, are not in the other's."""
    of_street = (await gallery.adds(city))["photo_id"]
    with gallery.store_of(gallery.album(city, "department.ga"), LocalStore(tmp_path)):
        whistle = await city.street("S01").blows(departments=["GA"], photos=[of_street])
        office = city.department("GA")
        await office.acknowledges(whistle)
        mine = await gallery.adds(city, producer="department.ga", role="handler", scope="GA")
        await office.takes(whistle, "arrival", place="路口", mode="on_site", photo=mine["photo_id"])
        nowhere = {"address": None, "thumbnail": None}
        task = await office.sees(whistle)
        assert task["photos"] == [nowhere | {"photo_id": of_street, "held_by": "intake"}]
        arrival = await told(city, whistle, "responder_checked_in")
        assert arrival["photos"] == [nowhere | {"photo_id": mine["photo_id"], "held_by": "department.ga"}]


# -- claimed -----------------------------------------------------------------------------------------------------------


async def test_a_whistle_takes_only_photos_of_its_own_people_that_are_free(city: City) -> None:
    street = city.street("S01")
    foreign = (await gallery.adds(city, scope="S02"))["photo_id"]
    of_resident = (await gallery.resident_adds(city))["photo_id"]
    for_report = (await gallery.adds(city, params={"purpose": "report"}))["photo_id"]
    good = (await gallery.adds(city))["photo_id"]
    for photo_id in (foreign, of_resident, for_report, str(uuid4())):
        refused(await street.tries_to_blow(photos=[good, photo_id]), "photos.1")
    used = await street.blows(photos=[good])
    refused(await street.tries_to_blow(photos=[good], distinct_reason="另一处"), "photos.0")
    assert (await street.sees(used))["facts"]["photos"] == [good]


@pytest.mark.parametrize("photos", [["photo/2026/11/22/0007-1.jpg"], [7], "none", [None], [[]]])
async def test_what_is_no_photo_id_is_refused(door: City, photos: Any) -> None:
    answer = await door.street("S01").tries_to_blow(photos=photos)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"].startswith("photos")


async def test_more_than_20_photos_are_refused(door: City) -> None:
    refused(await door.street("S01").tries_to_blow(photos=[str(uuid4()) for _ in range(21)]), "photos")


async def test_a_task_takes_only_photos_of_its_own_department_that_are_free(city: City) -> None:
    whistle = await city.street("S01").blows()
    other = await city.street("S01").blows(distinct_reason="另一处", title="另一处井盖缺失")
    office = city.department("CGJ")
    foreign = (await gallery.adds(city, scope="PSGS", **HANDLER))["photo_id"]
    good = (await gallery.adds(city, scope="CGJ", **HANDLER))["photo_id"]
    arrival = {"person": "李强", "place": "路口", "mode": "on_site"}
    result = {"person": "李强", "result": "已修复"}
    for blown in (whistle, other):
        await office.acknowledges(blown)
    for photo_id in (foreign, str(uuid4())):
        refused(await office.steps(whistle, "arrival", arrival | {"photo": photo_id}), "photo")
    expect(await office.steps(whistle, "arrival", arrival | {"photo": good}))
    refused(await office.steps(other, "arrival", arrival | {"photo": good}), "photo")
    refused(await office.steps(whistle, "submission", result | {"evidence": [good, foreign]}), "evidence.1")
    expect(await office.steps(whistle, "submission", result | {"evidence": [good]}))


async def test_of_two_who_claim_a_photo_at_once_one_gets_it(city: City) -> None:
    street = city.street("S01")
    photo = (await gallery.adds(city))["photo_id"]
    said = street.says(photos=[photo])
    answers = await asyncio.gather(*(street.says_as("community", "/drafts", said) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [201] + [422] * 7
    for answer in answers:
        if answer.status_code == 422:
            refused(answer, "photos.0")


async def test_what_a_draft_does_without_is_free_again(city: City) -> None:
    street = city.street("S01")
    kept, dropped = [(await gallery.adds(city))["photo_id"] for _ in range(2)]
    draft = await street.drafts(photos=[kept, dropped])
    path = f"/whistles/{draft.whistle_id}"
    edited = expect(await street.says_as("community", path, street.says(photos=[kept]), method="PUT"))
    assert edited["facts"]["photos"] == [kept]
    other = await street.drafts(photos=[dropped], title="另一件事")
    assert (await street.sees(other))["facts"]["photos"] == [dropped]
    refused(await street.says_as("community", path, street.says(photos=[kept, dropped]), method="PUT"), "photos.1")


async def test_a_repetition_with_the_same_key_gets_the_same_answer(city: City) -> None:
    photo = (await gallery.adds(city))["photo_id"]
    key = uuid4().hex
    answers = [await city.street("S01").tries_to_blow(key=key, photos=[photo]) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()


async def test_a_whistle_that_is_known_already_takes_no_photo(city: City) -> None:
    street = city.street("S01")
    place: dict[str, Any] = {"grid": "S01-G001", "kind": "appeal", "urgency": "normal"}
    await street.blows(**place)
    photo = (await gallery.adds(city))["photo_id"]
    answer = await street.tries_to_blow(photos=[photo], **place)
    assert answer.status_code == 409, answer.text
    (row,) = await gallery.rows(city.services["intake"])
    assert row.subject is None
    await street.blows(photos=[photo], distinct_reason="另一处", **place)


# -- of reports --------------------------------------------------------------------------------------------------------


async def test_a_residents_photo_is_seen_with_the_report_and_gone_with_the_person(city: City) -> None:
    """Before anybody has said who they are the photo is sealed; when they are forgotten nothing opens it any more."""
    street = Neighbourhood(city)
    photo_id = (await gallery.resident_adds(city))["photo_id"]
    copies = gallery.files(city, photo_id)
    report = await street.reports(photos=[photo_id])
    (theirs,) = (await street.follows(report))["photos"]
    shown = await city.client("intake").get(theirs["address"])
    assert shown.status_code == 200
    assert shown.content.startswith(b"\xff\xd8\xff")
    (on_desk,) = (await street.sees(report))["photos"]
    token = {"authorization": f"Bearer {street.tokens['community', 'S01', None]}"}
    assert (await city.client("intake").get(on_desk["address"], headers=token)).content == shown.content
    assert (await city.client("intake").get(on_desk["address"])).status_code == 404
    refused(await street.tries_to_report(photos=[photo_id]), "photos.0")
    await street.erases(report)
    assert (await city.client("intake").get(theirs["address"])).status_code == 404
    assert gallery.files(city, photo_id) == {}
    assert all(shown.content[:50] not in copy for copy in copies.values())
    assert await gallery.album(city).vault.key(UUID(photo_id)) is None


async def test_a_report_takes_no_photo_that_was_added_for_a_whistle(city: City) -> None:
    street = Neighbourhood(city)
    for_whistle = (await gallery.adds(city))["photo_id"]
    for_report = (await gallery.adds(city, role="informant"))["photo_id"]
    refused(await street.tries_to_report(photos=[for_whistle]), "photos.0")
    refused(await street.tries_to_report(photos=[for_report]), "photos.0")
    said = street.says(street="S01", photos=[for_report])
    expect(await street.call("informant", "POST", "/reports", json=said, headers={"Idempotency-Key": uuid4().hex}), 201)
