"""Photos at the door: what is taken, who may add, who may look (RELIABILITY.md section 4.2, rows 32 and 33).

INVARIANT: a photo is shown to the holder of its address and to nobody else; to others it does not exist.
INVARIANT: an address opens one size of one photo, for its holder, until its time is over; whatever else it is shown
with, the answer is that there is no such photo.
"""

import asyncio
from datetime import timedelta
from io import BytesIO
from urllib.parse import parse_qs, urlencode, urlsplit
from uuid import UUID, uuid4

import httpx
import pytest
from PIL import Image
from sqlalchemy import select

from support import gallery, pictures
from support.city import City
from support.gallery import JPEG
from support.window import account_of, somebody, window
from whistle_shared import photos
from whistle_shared.auth import open_session
from whistle_shared.db.tables import account, photo
from whistle_shared.photos import addresses
from whistle_shared.timesource import wall_now

HOSTILE, STRANGE = pictures.HOSTILE, pictures.STRANGE


def refused(answer: httpx.Response, *statuses: int) -> None:
    """A problem document, which tells nothing of how things work inside."""
    assert answer.status_code in statuses, (answer.status_code, answer.text[:300])
    assert answer.headers["content-type"] == "application/problem+json"
    assert "Traceback" not in answer.text
    assert "/" not in answer.json()["detail"].replace("image/", "")


# -- row 32: what is taken -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", pictures.OTHERS)
async def test_what_is_no_picture_is_refused(door: City, name: str) -> None:
    refused(await gallery.tries_to_add(door, pictures.OTHERS[name]), 415)


@pytest.mark.parametrize("kind", ["image/jpeg", "image/png", "image/webp", "IMAGE/PNG; charset=utf-8"])
async def test_what_a_body_calls_itself_does_not_make_it_one(door: City, kind: str) -> None:
    about = {"content-type": kind}
    refused(await gallery.tries_to_add(door, pictures.OTHERS["HTML"], headers=about), 415)
    assert (await gallery.tries_to_add(door, pictures.photo(), headers=about)).status_code == 201


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_picture_is_refused(door: City, name: str) -> None:
    refused(await gallery.tries_to_add(door, HOSTILE[name]()), 415, 422)


@pytest.mark.parametrize("name", STRANGE)
async def test_a_strange_picture_is_made_plain(door: City, name: str) -> None:
    added = await gallery.adds(door, STRANGE[name]())
    for address in (added["address"], added["thumbnail"]):
        shown = await gallery.looks(door, address)
        assert shown.status_code == 200
        assert pictures.SECRET not in shown.content
        assert b"<script" not in shown.content
        assert not Image.open(BytesIO(shown.content)).getexif()


@pytest.mark.parametrize(
    "kind",
    ["image/svg+xml", "image/gif", "text/html", "application/json", "application/octet-stream", "multipart/form-data"],
)
async def test_another_content_type_is_refused(door: City, kind: str) -> None:
    refused(await gallery.tries_to_add(door, pictures.photo(), headers={"content-type": kind}), 415)


async def test_a_photo_without_a_content_type_is_refused(door: City) -> None:
    refused(await gallery.tries_to_add(door, pictures.photo(), headers={"content-type": ""}), 415)


async def test_a_photo_of_more_than_12_mib_is_refused(door: City) -> None:
    photo = pictures.photo()
    refused(await gallery.tries_to_add(door, photo + bytes((12 << 20) - len(photo) + 1)), 413)


async def test_a_photo_of_12_mib_is_taken(door: City) -> None:
    photo = pictures.photo()
    await gallery.adds(door, photo + bytes((12 << 20) - len(photo)))


async def test_no_other_body_may_be_that_large(door: City) -> None:
    answer = await door.call(
        "intake", "POST", "/api/v1/whistles", role="street_initiator", scope="S01", content=bytes(300_000)
    )
    refused(answer, 413)


# -- row 33: names ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "CON", "a" * 300, "%00.jpg", "\u202egpj.exe", "photo.jpg; rm -rf"]
)
async def test_a_file_name_means_nothing(door: City, name: str) -> None:
    disposition = f'attachment; filename="{name}"'.encode()
    sent = await door.client("intake").post(
        "/api/v1/photos",
        content=pictures.photo(),
        headers=[
            (b"authorization", f"Bearer {await door.token('intake', 'street_initiator', 'S01')}".encode()),
            (b"content-type", b"image/jpeg"),
            (b"content-disposition", disposition),
            (b"x-file-name", name.encode()),
        ],
        params={"filename": name},
    )
    assert sent.status_code == 201, sent.text
    added = sent.json()
    assert set(gallery.files(door, added["photo_id"])) == {"large", "small"}
    shown = await gallery.looks(door, added["address"])
    assert shown.headers["content-disposition"] == f'inline; filename="photo-{added["photo_id"]}-large.jpg"'


# -- who may add -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("producer", "role", "scope"),
    [
        ("intake", "inspector", "*"),
        ("intake", "operations", "*"),
        ("intake", "auditor", "*"),
        ("intake", "administrator", "*"),
        ("department.hosted", "operations", "*"),
        ("department.ga", "administrator", "GA"),
    ],
)
async def test_who_has_no_right_to_add_cannot(door: City, producer: str, role: str, scope: str) -> None:
    answer = await gallery.tries_to_add(door, b"never looked at", producer=producer, role=role, scope=scope)
    refused(answer, 403)


async def test_a_resident_can_add_where_reports_are_taken_and_nowhere_else(door: City) -> None:
    added = await gallery.resident_adds(door)
    assert (added["address"], added["thumbnail"]) == (None, None)
    for producer in ("department.hosted", "department.ga"):
        answer = await door.client(producer).post("/api/v1/photos", content=pictures.photo(), headers=JPEG)
        refused(answer, 401)


async def test_a_wrong_token_is_no_resident(door: City) -> None:
    wrong = {"authorization": "Bearer wst_unknown"}
    answer = await door.client("intake").post("/api/v1/photos", content=pictures.photo(), headers=JPEG | wrong)
    refused(answer, 401)


@pytest.mark.parametrize(
    ("producer", "role", "scope", "purpose", "sealed"),
    [
        ("intake", "street_initiator", "S01", None, False),
        ("intake", "street_initiator", "S01", "report", True),
        ("intake", "informant", "S01", None, True),
        ("intake", "grid_officer", "S01", "whistle", False),
        ("department.hosted", "handler", "CGJ", None, False),
    ],
)
async def test_what_is_for_a_report_is_sealed(
    city: City, producer: str, role: str, scope: str, purpose: str | None, sealed: bool
) -> None:
    query = {} if purpose is None else {"purpose": purpose}
    added = await gallery.adds(city, producer=producer, role=role, scope=scope, params=query)
    (row,) = await gallery.rows(city.services[producer])
    assert (row.sealed, row.owner, str(row.photo_id)) == (sealed, scope, added["photo_id"])
    kept = gallery.files(city, added["photo_id"], producer)
    assert {data.startswith(b"\xff\xd8\xff") for data in kept.values()} == {not sealed}
    shown = await gallery.looks(city, added["address"], producer=producer, role=role, scope=scope)
    assert shown.content.startswith(b"\xff\xd8\xff")


@pytest.mark.parametrize(("producer", "purpose"), [("department.hosted", "report"), ("intake", "portrait")])
async def test_another_purpose_is_refused(door: City, producer: str, purpose: str) -> None:
    role, scope = ("handler", "CGJ") if producer != "intake" else ("street_initiator", "S01")
    who = {"producer": producer, "role": role, "scope": scope}
    refused(await gallery.tries_to_add(door, pictures.photo(), params={"purpose": purpose}, **who), 422)


async def test_a_resident_adds_for_no_whistle(door: City) -> None:
    client = door.client("intake")
    refused(await client.post("/api/v1/photos?purpose=whistle", content=pictures.photo(), headers=JPEG), 401)


async def test_on_a_page_only_what_is_for_a_whistle_is_of_whoever_is_signed_in(door: City) -> None:
    """The browser of a clerk may be a resident's, too."""
    person = await somebody(door.services["intake"], "street_initiator", "S01")
    async with window(door.services["intake"]) as browser:
        await browser.signs_in(person)
        for purpose, owner in (("whistle", "S01"), ("report", photos.RESIDENT)):
            path = f"/api/v1/photos?purpose={purpose}"
            added = await browser.client.post(path, content=pictures.photo(), headers=JPEG)
            assert added.status_code == 201, added.text
            async with door.services["intake"].engine.connect() as connection:
                kept = select(photo.c.owner).where(photo.c.photo_id == added.json()["photo_id"])
                assert (await connection.execute(kept)).scalar_one() == owner


async def test_adding_is_on_record(city: City) -> None:
    added = await gallery.adds(city)
    async with city.services["intake"].engine.connect() as connection:
        told = await connection.exec_driver_sql("select * from audit order by audit_id desc limit 1")
        row = told.one()
    assert (row.action, row.subject, row.outcome, row.scope) == ("intake.add_photo", added["photo_id"], "done", "S01")


# -- who may look ------------------------------------------------------------------------------------------------------


async def test_a_photo_is_served_so_that_nothing_can_be_made_of_it(door: City) -> None:
    added = await gallery.adds(door)
    shown = await gallery.looks(door, added["address"])
    assert shown.headers["content-type"] == "image/jpeg"
    assert shown.headers["x-content-type-options"] == "nosniff"
    assert shown.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert shown.headers["cross-origin-resource-policy"] == "same-origin"
    assert shown.headers["cache-control"] == "private, max-age=600"
    assert shown.headers["content-disposition"].startswith("inline; ")
    assert Image.open(BytesIO(shown.content)).size == (added["width"], added["height"])


@pytest.mark.parametrize(
    ("changed", "value"),
    [
        ("size", "small"),
        ("size", "../../secret"),
        ("of", "department.hosted"),
        ("of", "../vault"),
        ("until", "99999999999"),
        ("until", "soon"),
        ("for", "15aaee87-fc45-4156-bc8d-8409195268eb"),
        ("for", "report:a36b4e0d-eb7d-49e8-ad0d-16fc38268389"),
        ("for", ""),
        ("tag", "x" * 32),
        ("tag", ""),
        ("tag", "\u96ea"),
    ],
)
async def test_a_changed_address_leads_nowhere(door: City, changed: str, value: str) -> None:
    address = (await gallery.adds(door))["address"]
    query = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
    refused(await gallery.looks(door, f"{urlsplit(address).path}?{urlencode(query | {changed: value})}"), 404)
    del query[changed]
    refused(await gallery.looks(door, f"{urlsplit(address).path}?{urlencode(query)}"), 404)


async def test_an_address_is_of_one_photo(door: City) -> None:
    one, other = await gallery.adds(door), await gallery.adds(door)
    query = urlsplit(one["address"]).query
    refused(await gallery.looks(door, f"/photos/{other['photo_id']}?{query}"), 404)
    refused(await gallery.looks(door, f"/photos/none?{query}"), 404)
    refused(await gallery.looks(door, f"/photos/{uuid4()}"), 404)


async def test_an_address_is_worth_nothing_in_other_hands(door: City) -> None:
    address = (await gallery.adds(door))["address"]
    assert (await gallery.looks(door, address)).status_code == 200
    refused(await door.client("intake").get(address), 404)
    refused(await door.client("intake").get(address, headers={"authorization": "Bearer wst_unknown"}), 404)
    for role, scope in (("street_approver", "S01"), ("street_initiator", "S02"), ("arbitrator", "*")):
        refused(await gallery.looks(door, address, role=role, scope=scope), 404)
    refused(await gallery.looks(door, address, producer="department.hosted", role="handler", scope="CGJ"), 404)


async def test_an_address_expires_within_ten_minutes(door: City, monkeypatch: pytest.MonkeyPatch) -> None:
    address = (await gallery.adds(door))["address"]
    now = wall_now()
    monkeypatch.setattr(addresses, "wall_now", lambda: now + timedelta(minutes=4, seconds=59))
    assert (await gallery.looks(door, address)).status_code == 200
    monkeypatch.setattr(addresses, "wall_now", lambda: now + timedelta(minutes=10))
    refused(await gallery.looks(door, address), 404)


async def test_a_reports_address_needs_no_credential(door: City) -> None:
    """It is given only in the answer to the report's tracking code, to somebody who has no account."""
    added = await gallery.resident_adds(door)
    (link,) = photos.links(door.services["intake"], [UUID(added["photo_id"])], f"report:{uuid4()}")
    assert link.address is not None
    shown = await door.client("intake").get(link.address)
    assert shown.status_code == 200
    assert shown.content.startswith(b"\xff\xd8\xff")


async def test_who_owes_a_password_or_a_second_factor_is_nobody_to_photos(door: City) -> None:
    """With an initial password, or without the second factor that a role takes, a session opens no photo either."""
    service = door.services["intake"]
    added = await gallery.adds(door)
    people = [
        (await somebody(service, "street_initiator", "S01", must_change=True), 404),
        (await somebody(service, "administrator"), 404),
        (await somebody(service, "street_initiator", "S01"), 200),
    ]
    for person, status in people:
        caller = (await account_of(service, person)).caller
        (link,) = photos.links(service, [UUID(added["photo_id"])], caller)
        async with window(service, person) as seat:
            assert (await seat.get(link.address or "")).status_code == status


async def test_somebody_signed_in_looks_with_their_session(door: City) -> None:
    service = door.services["intake"]
    added = await gallery.adds(door)
    cookies = []
    for username in ("zhang", "li"):
        account_id = uuid4()
        async with service.group.unit() as unit:
            unit.insert(
                account,
                **dict.fromkeys((column.name for column in account.columns if column.nullable), None),
                account_id=account_id,
                username=f"{username}-{account_id}",
                name=username,
                role="street_initiator",
                scope="S01",
                must_change=False,
                recovery="[]",
                failures=0,
                created_at=wall_now(),
                created_by="test",
            )
        async with service.group.unit() as unit:
            secret = await open_session(unit, account_id, second_factor=False, address="", agent="")
        cookies.append((account_id, {"cookie": f"whistle-intake={secret}"}))
    (holder, own), (_, other) = cookies
    link = addresses.link(service.keyring, "intake", UUID(added["photo_id"]), str(holder))
    assert link.address is not None
    assert (await door.client("intake").get(link.address, headers=own)).status_code == 200
    refused(await door.client("intake").get(link.address, headers=other), 404)


# -- meanwhile ---------------------------------------------------------------------------------------------------------


async def test_the_service_answers_others_while_photos_are_made(door: City) -> None:
    big = pictures.png(4000, 3000, colour=6)
    adding = [asyncio.create_task(gallery.tries_to_add(door, big)) for _ in range(4)]
    answered = 0
    while not any(task.done() for task in adding):
        answer = await door.call("intake", "GET", "/api/v1/whistles", role="street_initiator", scope="S01")
        assert answer.status_code == 200
        answered += 1
    assert answered > 5
    assert [answer.status_code for answer in await asyncio.gather(*adding)] == [201] * 4
