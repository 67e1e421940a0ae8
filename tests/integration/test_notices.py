"""Notices on a real database, by the real Apprise to a provider on this machine: order of channels, once, crashes."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from sqlalchemy import text

from support.city import City
from support.clockface import MONDAY
from support.notice_office import NoticeOffice, sent_by, standing_still
from support.waiting import SECONDS, until
from whistle_escalation.notices import channels, courier_process, store
from whistle_escalation.notices.channels import Owner
from whistle_escalation.notices.domain import ATTEMPTS, Addressee
from whistle_shared.timesource import wall_now

DAY = timedelta(days=1)
DESK = Owner(organisation="CGJ", role="handler")
WEN = Addressee("CGJ", "handler", "赵文清")
KANG = Addressee("CGJ", "handler", "钱永康")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def standing_office(standing_city: City) -> AsyncIterator[NoticeOffice]:
    await standing_city.clean()
    async with standing_still(standing_city) as opened:
        yield opened


@pytest_asyncio.fixture
async def office(standing_office: NoticeOffice) -> NoticeOffice:
    """Without people, notices or messages."""
    await standing_office.clean()
    return standing_office


async def test_a_person_is_told_by_their_own_first_channel(office: NoticeOffice) -> None:
    own = Owner(await office.person("赵文清", "CGJ"))
    await office.person("赵文清", "ZFJ")  # somebody else by that name
    await office.reaches(own, "/own")
    await office.reaches(own, "/second")
    await office.reaches(DESK, "/desk")
    cause = await office.notice(WEN)
    await office.sends(2)
    (message,) = office.box.at("/own")
    assert message["title"] == "L1 催办 S01-20260601-0001"
    assert "城市管理局（城管委） 赵文清" in message["message"]
    assert await office.states(cause) == ["delivered"]
    assert await office.outcomes(cause) == [("/own", "delivered")]
    assert len(office.box.arrived) == 1
    (proof,) = await office.rows("select receipt, ended_at from notice_try")
    assert proof.receipt == '200 {"errcode":0}'
    assert proof.ended_at is not None


async def test_a_failing_channel_is_tried_again_then_the_next_one_and_operations_sees_it(office: NoticeOffice) -> None:
    own = Owner(await office.person("赵文清", "CGJ"))
    failing = await office.reaches(own, "/own")
    await office.reaches(DESK, "/desk")
    office.box.answers["/own"] = [503]
    cause = await office.notice(WEN)
    await office.sends()
    assert await office.states(cause) == ["waiting"]
    await office.sends(ATTEMPTS)
    assert await office.outcomes(cause) == [("/own", "failed")] * ATTEMPTS + [("/desk", "delivered")]
    trouble = await store.trouble(office.service.engine, office.service.time.now(), within=DAY)
    assert [(row.channel_id, row.fault) for row in trouble.failing] == [(failing, '503 {"errcode":0}')]
    office.box.answers["/own"] = [200]
    await office.notice(WEN)
    await office.sends()
    assert not (await store.trouble(office.service.engine, office.service.time.now(), within=DAY)).failing


async def test_what_a_provider_rejects_goes_to_the_next_channel_at_once(office: NoticeOffice) -> None:
    own = Owner(await office.person("赵文清", "CGJ"))
    await office.reaches(own, "/own")
    await office.reaches(own, "/second")
    office.box.answers["/own"] = [403]
    cause = await office.notice(WEN)
    await office.sends(2)
    assert await office.outcomes(cause) == [("/own", "rejected"), ("/second", "delivered")]


async def test_nobody_reached_is_said(office: NoticeOffice) -> None:
    cause = await office.notice(WEN)
    await office.sends()
    assert await office.states(cause) == ["nowhere"]
    await office.reaches(DESK, "/desk")
    office.box.answers["/desk"] = [400]
    failed = await office.notice(WEN)
    await office.sends(2)
    assert await office.states(failed) == ["failed"]
    trouble = await store.trouble(office.service.engine, office.service.time.now(), within=DAY)
    assert trouble.counts == {"nowhere": 1, "failed": 1}


async def test_one_desk_behind_two_people_hears_of_a_thing_once(office: NoticeOffice) -> None:
    """INVARIANT: one channel is told of one thing once, whoever it stands behind."""
    await office.reaches(DESK, "/desk")
    cause = await office.notice(WEN, KANG)
    await office.sends(3)
    assert sorted(await office.states(cause)) == ["covered", "delivered"]
    assert len(office.box.arrived) == 1


async def test_a_channel_is_not_used_before_a_test_message_has_arrived(office: NoticeOffice) -> None:
    await office.reaches(DESK, "/desk", verified=False)
    cause = await office.notice(WEN)
    await office.sends()
    assert await office.states(cause) == ["nowhere"]


async def test_quiet_hours_of_a_person_hold_what_can_wait(office: NoticeOffice, door: City) -> None:
    account_id = await office.person("赵文清", "CGJ")
    await office.reaches(Owner(account_id), "/own")
    async with office.service.group.unit() as unit:
        await channels.set_quiet(unit, account_id, "08:00-10:00")
    waits, hurries = await office.notice(WEN), await office.notice(WEN, pressing=True)
    await office.sends(2)
    assert (await office.states(waits), await office.states(hurries)) == (["waiting"], ["delivered"])
    door.time.set(MONDAY + timedelta(hours=1))
    await office.sends()
    assert await office.states(waits) == ["delivered"]


async def test_a_host_that_is_not_allowed_is_never_called(office: NoticeOffice) -> None:
    """INVARIANT: no connection is made but to an address that was checked right after the one resolving of its name.
    INVARIANT: HTTP goes to addresses that `outgoing_allowed` names, certificates are checked, nothing is followed, and
    of an answer no more is read than MOST_BYTES in MOST_SECONDS."""
    other = office.box.address("/x").replace("127.0.0.1", "localhost")
    async with office.service.group.unit() as unit:
        row = await channels.add(
            unit, office.service.keyring, DESK, channels.Fresh("apprise", "test /x", other, "zh"), "t"
        )
        channels.verified(unit, row)
    cause = await office.notice(WEN)
    await office.sends(2)
    assert await office.outcomes(cause) == [("/x", "refused")]
    assert await office.states(cause) == ["failed"]
    assert not office.box.arrived


async def test_two_processes_send_everything_once(office: NoticeOffice, door: City) -> None:
    """INVARIANT: whoever else claims, a notice is with one process, and all attempts about one thing are decided one
    after the other (the lock on the thing)."""
    await office.reaches(DESK, "/desk")
    other = await office.again(door)
    causes = [await office.notice(WEN) for _ in range(20)]
    for _ in range(4):
        await asyncio.gather(sent_by(office.sender), sent_by(other.sender))
    assert [await office.states(cause) for cause in causes] == [["delivered"]] * 20
    assert len(office.box.arrived) == 20
    await other.close()


# -- crashes --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["before it is on record", "before it is sent", "after it was sent"])
async def test_a_crash_anywhere_tells_a_person_at_most_once(office: NoticeOffice, door: City, where: str) -> None:
    """INVARIANT: whatever crashes, an attempt that began is on record before it begins (`store.claim`).
    INVARIANT: a person is told of one thing at most once: the notice's key is the thing and the person, an attempt is
    on record before anything is sent, and one whose outcome nobody knows is not made again by a channel that would show
    it twice."""
    own = Owner(await office.person("赵文清", "CGJ"))
    await office.reaches(own, "/own")
    await office.reaches(DESK, "/desk")
    cause = await office.notice(WEN)
    await crashes(office, where)
    after = await office.again(door)
    await after.sends(3)
    told = len(office.box.arrived)
    assert told <= 1
    if where == "before it is on record":
        assert (told, await after.states(cause)) == (1, ["delivered"])
    else:
        assert (told, await after.states(cause)) == (int(where == "after it was sent"), ["unknown"])
        assert await after.outcomes(cause) == [("/own", "unknown")]
    await after.close()


async def crashes(office: NoticeOffice, where: str) -> None:
    """The process stops for ever at a place of the sending."""
    reached, sender = asyncio.Event(), office.sender
    deliver = sender.deliver

    async def hangs(*args: Any, **more: Any) -> Any:
        if where == "after it was sent":
            await deliver(*args, **more)
        reached.set()
        await asyncio.Event().wait()

    async def claims_in_vain(*args: Any, **more: Any) -> Any:
        await claim(*args, **more)
        reached.set()
        await asyncio.Event().wait()

    claim = store.claim
    if where == "before it is on record":
        store.claim = claims_in_vain
    else:
        sender.deliver = hangs  # type: ignore[method-assign]
    try:
        working = asyncio.create_task(sender.look())
        await asyncio.wait_for(reached.wait(), SECONDS)
        for ended in (working, *sender.under_way):
            ended.cancel()
            await asyncio.gather(ended, return_exceptions=True)
        sender.under_way.clear()
    finally:
        store.claim, sender.deliver = claim, deliver  # type: ignore[method-assign]


async def test_a_provider_that_never_answers_may_have_heard(office: NoticeOffice) -> None:
    """A time-out is no failure: no other channel is tried."""
    own = Owner(await office.person("赵文清", "CGJ"))
    await office.reaches(own, "/own")
    await office.reaches(DESK, "/desk")
    office.box.hangs.add("/own")
    cause = await office.notice(WEN)
    await office.sends(2)
    assert await office.outcomes(cause) == [("/own", "unknown")]
    assert await office.states(cause) == ["unknown"]


async def test_a_word_that_comes_late_counts(office: NoticeOffice) -> None:
    """The process was only slow: its proof takes the place of the unknown, and nothing is sent again."""
    await office.reaches(DESK, "/desk")
    cause = await office.notice(WEN)
    async with office.service.group.unit() as unit:
        (slow,) = await store.claim(unit, 10, pressing=False)
    await office.sends()
    assert await office.states(cause) == ["unknown"]
    async with office.service.group.unit() as unit:
        await store.settle(unit, slow, "delivered", "200")
    assert await office.states(cause) == ["delivered"]
    assert not office.box.arrived


async def test_a_courier_that_dies_leaves_what_it_carried_unknown_and_is_replaced(office: NoticeOffice) -> None:
    await office.reaches(DESK, "/desk")
    office.box.hangs.add("/desk")
    lost = await office.notice(WEN)
    sending = asyncio.create_task(office.sends())
    await office.box.expects("/desk")
    carrier = office.sender.courier._carrier
    assert carrier is not None
    carrier.kill()
    await sending
    assert await office.states(lost) == ["unknown"]
    office.box.hangs.clear()
    cause = await office.notice(KANG, cause=uuid4())
    await office.sends()
    assert await office.states(cause) == ["delivered"]


async def test_a_notice_that_has_ended_is_kept_for_its_time_with_its_attempts(
    office: NoticeOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    await office.reaches(DESK, "/desk")
    causes = [await office.notice(WEN) for _ in range(4)]
    waiting = await office.notice(Addressee("ZFJ", "handler"))
    await office.sends(4)
    engine = office.service.engine
    async with engine.begin() as connection:
        long_ago = {"ago": wall_now() - store.KEPT - DAY, "kept": causes[0]}
        await connection.execute(text("update notice set next_at = :ago where cause_id <> :kept"), long_ago)
        await connection.execute(
            text("update notice set state = 'waiting', ended_at = null where cause_id = :c"), {"c": waiting}
        )
    monkeypatch.setattr(store, "_AT_ONCE", 2)
    assert await store.forget_old(engine) == 3
    assert [await office.states(cause) for cause in causes] == [["delivered"], [], [], []]
    assert [len(await office.outcomes(cause)) for cause in causes] == [1, 0, 0, 0]
    assert await office.states(waiting) == ["waiting"]
    assert await store.forget_old(engine) == 0


# -- a provider that is slow ----------------------------------------------------------------------------------


async def test_a_job_that_takes_too_long_costs_no_other_job_its_end(
    office: NoticeOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INVARIANT: a job that takes too long costs no other job its end."""
    courier, other = office.sender.courier, asyncio.Event()
    office.box.hangs.add("/slow")
    office.box.waits["/other"] = other
    monkeypatch.setattr(courier_process, "_SECONDS", 1.0)
    slow = asyncio.create_task(courier.ask("send", job(office, "/slow")))
    await office.box.expects("/slow")
    monkeypatch.setattr(courier_process, "_SECONDS", SECONDS)
    quick = asyncio.create_task(courier.ask("send", job(office, "/other")))
    await office.box.expects("/other")
    assert (await slow)["outcome"] == "unknown"
    other.set()
    assert (await quick)["outcome"] == "delivered"
    assert (await courier.ask("send", job(office, "/next")))["outcome"] == "delivered"


async def test_a_job_that_has_not_begun_has_failed_and_is_done_again(
    office: NoticeOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INVARIANT: a job that has not begun when its process ends has failed, and may be done again; one that has begun
    is unknown."""
    courier = courier_process.Courier(office.box.entry, None)
    courier._settings["at_once"] = 1
    office.box.hangs.add("/first")
    begun = asyncio.create_task(courier.ask("send", job(office, "/first")))
    await office.box.expects("/first")
    queued = asyncio.create_task(courier.ask("send", job(office, "/second")))
    carrier = courier._carrier
    assert carrier is not None
    await until(lambda: _truth(len(carrier.jobs) == 2), "both to be handed over")
    carrier.kill()
    assert [(await begun)["outcome"], (await queued)["outcome"]] == ["unknown", "failed"]
    monkeypatch.setattr(courier_process, "_PATIENCE", 0.2)
    courier._slots = asyncio.Semaphore(0)
    assert (await courier.ask("send", job(office, "/third")))["outcome"] == "failed"
    assert not office.box.at("/third")
    await courier.close()


async def test_an_emergency_waits_for_no_ordinary_notice(office: NoticeOffice) -> None:
    """INVARIANT: an emergency's notice waits for no ordinary notice to be sent."""
    await office.reaches(DESK, "/desk")
    await office.reaches(Owner(organisation="ZFJ", role="handler"), "/slow")
    office.box.waits["/slow"] = asyncio.Event()
    slow = [await office.notice(Addressee("ZFJ", "handler")) for _ in range(2 * courier_process.AT_ONCE)]
    sending = asyncio.create_task(office.sender.run())
    try:
        await until(lambda: _truth(len(office.box.at("/slow")) >= 2), "what is slow to begin")
        hurries = await office.notice(WEN, pressing=True)
        await office.box.expects("/desk")
        await until(lambda: _arrived(office, hurries), "the emergency's proof")
        assert ["sending"] in [await office.states(cause) for cause in slow]
    finally:
        office.box.waits.pop("/slow").set()
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)


async def _truth(told: bool) -> bool:
    return told


async def _arrived(office: NoticeOffice, cause: UUID) -> bool:
    return await office.states(cause) == ["delivered"]


def job(office: NoticeOffice, path: str) -> dict[str, Any]:
    return {"address": office.box.address(path), "title": "t", "body": "b", "pressing": False}


# -- a provider that answers 200 and says no ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("says", "outcome"),
    [
        (b'{"errcode":93000,"errmsg":"invalid webhook url"}', "rejected"),
        (b'{"errcode":310000,"errmsg":"keywords not in content"}', "rejected"),
        (b'{"code":19024,"msg":"Key Words Not Found"}', "rejected"),
        (b'{"StatusCode":19001,"StatusMessage":"param invalid"}', "rejected"),
        (b'{"errcode":45009,"errmsg":"api freq out of limit"}', "failed"),
        (b'{"code":11232,"msg":"frequency limited"}', "failed"),
        (b'{"code":200,"message":"success"}', "delivered"),
        (b'{"code":"accepted"}', "delivered"),
        (b"ok", "delivered"),
        (b"[1]", "delivered"),
    ],
)
async def test_what_the_body_says_counts(office: NoticeOffice, says: bytes, outcome: str) -> None:
    await office.reaches(DESK, "/desk")
    office.box.says["/desk"] = says
    cause = await office.notice(WEN)
    await office.sends()
    assert await office.outcomes(cause) == [("/desk", outcome)]
