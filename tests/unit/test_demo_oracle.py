"""The demo's oracle, its reader of message files and its count: what tells whether something was lost must not err."""

import ast
import gzip
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from whistle_demo import count, messages, oracle, pack, scenario
from whistle_demo.ledger import Ledger
from whistle_demo.messages import BadFile, Message
from whistle_demo.pack import Pack
from whistle_demo.scenario import Planned

SAMPLE = Path(__file__).parents[2] / "deploy" / "district" / "sample"
HEAD = "id,author,subject,created_at,body"


@pytest.fixture(scope="module")
def sample() -> Pack:
    return pack.read(SAMPLE)


def planned(**changes: Any) -> Planned:
    plain = Planned(
        key="k",
        after=timedelta(),
        street="S01",
        grid=None,
        kind="emergency",
        urgency="urgent",
        category="0701",
        departments=(),
        withdrawn_after=None,
        routed_to=(),
        title="井盖缺失",
        description="井盖不见了",
        place="东门",
        beyond_power="无权处置",
    )
    return replace(plain, **changes)


# -- who must get a task


def test_a_sub_category_calls_its_lead_and_its_assistants(sample: Pack) -> None:
    assert oracle.departments(planned(), sample) == {"CGJ", "PSGS", "GSGS", "TXGS", "GDGS"}


def test_departments_named_by_the_street_win_over_the_sub_category(sample: Pack) -> None:
    assert oracle.departments(planned(departments=("GA", "XF")), sample) == {"GA", "XF"}


def test_without_a_sub_category_only_the_office_calls_departments(sample: Pack) -> None:
    waits, routed = planned(category=None), planned(category=None, routed_to=("ZJ", "SW"))
    assert oracle.departments(waits, sample) == frozenset()
    assert oracle.departments(routed, sample) == {"ZJ", "SW"}
    assert oracle.needs_office(waits, sample)
    assert not oracle.needs_office(planned(), sample)


def test_a_department_that_is_not_active_is_not_expected(sample: Pack) -> None:
    without = replace(sample, instances={code: at for code, at in sample.instances.items() if code != "TXGS"})
    assert oracle.departments(planned(), without) == {"CGJ", "PSGS", "GSGS", "GDGS"}


def test_only_a_withdrawal_that_overtook_the_dispatch_owes_no_task(sample: Pack) -> None:
    stands, overtaken = uuid4(), uuid4()
    raised = [(stands, planned(departments=("GA",))), (overtaken, planned())]
    assert oracle.pairs(raised, frozenset({overtaken}), sample) == {(stands, 1, "GA", "routed")}


def test_a_story_adds_the_tasks_that_its_decisions_make(sample: Pack) -> None:
    whistle = uuid4()
    returned = planned(departments=("SF", "GA"), story="return SF ZJ")
    assert oracle.pairs([(whistle, returned)], frozenset(), sample) == {
        (whistle, 1, "SF", "routed"),
        (whistle, 1, "GA", "routed"),
        (whistle, 1, "ZJ", "reassigned-1"),
    }
    assert oracle.called(planned(departments=("ZJ",), story="meet GDGS"), sample) == {"ZJ", "GDGS"}
    assert oracle.called(planned(departments=("ZJ",), story="close"), sample) == {"ZJ"}


def test_the_oracle_knows_no_service() -> None:
    """INVARIANT: what is expected comes from the plans and the pack; no service is asked or imported."""
    for module in (oracle, pack):
        tree = ast.parse(Path(str(module.__file__)).read_text("utf-8"))
        found = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        found |= {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
        assert found <= {"csv", "collections", "collections.abc", "dataclasses", "pathlib", "uuid"} | {
            "whistle_demo.pack",
            "whistle_demo.scenario",
        }


# -- what is raised


def test_the_script_is_varied_and_fits_the_sample_district(sample: Pack) -> None:
    script = scenario.script()
    called = [oracle.departments(whistle, sample) for whistle in script]
    assert len(script) >= 40
    assert len({whistle.street for whistle in script}) >= 8
    assert {whistle.kind for whistle in script} == {"appeal", "key_work", "enforcement", "emergency"}
    assert sum(len(departments) == 5 for departments in called) >= 3
    assert any(whistle.departments for whistle in script)
    withdrawn = [whistle.withdrawn_after for whistle in script if whistle.withdrawn_after is not None]
    assert timedelta() in withdrawn
    assert any(withdrawn)
    assert any(whistle.routed_to for whistle in script)
    assert {sample.instances[code] for departments in called for code in departments} == {"hosted", "ga"}


def test_messages_fan_out_the_same_in_every_run_and_every_tenth_has_no_sub_category(sample: Pack) -> None:
    """INVARIANT: a plan follows from its source and the pack alone."""
    read = [Message(str(number), f"主题 {number}", "正文") for number in range(1, 401)]
    plans = scenario.from_messages(read, sample)
    assert plans == scenario.from_messages(read, sample)
    assert len({whistle.key for whistle in plans}) == len(plans)
    assert [position for position, whistle in enumerate(plans, 1) if whistle.category is None] == list(
        range(10, 401, 10)
    )
    assert {whistle.street for whistle in plans} == set(sample.streets)
    assert {"hosted", "ga"} == {sample.instances[c] for whistle in plans for c in oracle.departments(whistle, sample)}
    by_hand = [whistle for whistle in plans if whistle.category is None]
    assert {len(set(whistle.routed_to)) for whistle in by_hand} == {0, 2}


def test_messages_are_cut_to_what_the_api_takes(sample: Pack) -> None:
    long, bare = Message("1", "题" * 500, "文" * 20_000), Message("2", "只有主题", "")
    first, second = scenario.from_messages([long, bare], sample)
    assert (len(first.title), len(first.description)) == (200, 10_000)
    assert (second.title, second.description) == ("只有主题", "只有主题")


# -- the file of messages


def write(folder: Path, *rows: str, name: str = "messages.csv", head: str = HEAD) -> Path:
    file = folder / name
    text = "\n".join([head, *rows]) + "\n"
    file.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return file


@pytest.mark.parametrize("name", ["messages.csv", "messages.csv.gz"])
def test_a_file_is_read_plain_or_gzipped_and_more_columns_are_ignored(tmp_path: Path, name: str) -> None:
    file = write(
        tmp_path, '7,A1,停水,2019/2/28 11:25:05,"第一行\n第二行",0,3', name=name, head=f"{HEAD},against,support"
    )
    assert messages.read(file) == ([Message("7", "停水", "第一行\n第二行")], [])


def test_a_spreadsheet_file_in_gb18030_or_with_a_mark_is_read(tmp_path: Path) -> None:
    for number, encoding in enumerate(("gb18030", "utf-8-sig")):
        file = tmp_path / f"{number}.csv"
        file.write_bytes(f"{HEAD}\n1,A,停水三天,2019,正文\n".encode(encoding))
        assert messages.read(file)[0] == [Message("1", "停水三天", "正文")]


@pytest.mark.parametrize("column", HEAD.split(","))
def test_a_missing_column_is_named(tmp_path: Path, column: str) -> None:
    head = ",".join(name for name in HEAD.split(",") if name != column)
    with pytest.raises(BadFile, match=f"column '{column}' is missing"):
        messages.read(write(tmp_path, "1,2,3,4", head=head))


def test_rows_without_text_are_left_out_and_named(tmp_path: Path) -> None:
    file = write(tmp_path, "1,A,停水,2019,正文", "2,A,  ,2019,\x00\x07", ",A,题,2019,文", "4,A,只有主题,2019")
    read, skipped = messages.read(file)
    assert read == [Message("1", "停水", "正文"), Message("4", "只有主题", "")]
    assert skipped == ["line 3: neither subject nor body", "line 4: no id"]


def test_what_cannot_be_stored_or_seen_is_cleaned_away() -> None:
    assert messages.clean(" a\x00b\x1b[31m\r\nc\td\u0085 ") == "ab[31m\nc\td"
    assert messages.clean("\u200b \u3000\x00") == ""


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "column 'id' is missing"),
        (HEAD.encode(), "holds no message"),
        (gzip.compress(b"x" * 5000, mtime=0)[:20], "cannot be read"),
        (HEAD.encode() + b"\n1,\xff\xff,\x81", "neither in UTF-8 nor in GB 18030"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(tmp_path: Path, content: bytes, reason: str) -> None:
    file = tmp_path / "bad.csv"
    file.write_bytes(content)
    with pytest.raises(BadFile, match=reason):
        messages.read(file)


def test_a_file_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="cannot be read"):
        messages.read(tmp_path / "none.csv")


# -- the count


WHISTLE, TASK, CLOCK = UUID(int=1), UUID(int=2), UUID(int=3)


def task(**changes: Any) -> dict[str, Any]:
    plain = {
        "task_id": str(TASK),
        "whistle_id": str(WHISTLE),
        "round": 1,
        "department": "GA",
        "origin": "routed",
        "state": "acknowledged",
    }
    return plain | {"acknowledged_at": "2026-03-09T01:10:00Z"} | changes


def clock(**changes: Any) -> dict[str, Any]:
    plain = {
        "clock_id": str(CLOCK),
        "task_id": str(TASK),
        "whistle_id": str(WHISTLE),
        "department": "GA",
        "name": "ack",
    }
    return plain | {"status": "met_late", "warned": 2, "breached_at": "2026-03-09T01:05:00Z"} | changes


def rung(number: int, status: str = "open") -> dict[str, Any]:
    return {"clock_id": str(CLOCK), "rung": number, "status": status}


def told(*tasks: UUID) -> dict[UUID, dict[str, Any]]:
    timeline = [{"event": "department.task_acknowledged.v1", "data": {"task_id": str(task_id)}} for task_id in tasks]
    return {WHISTLE: {"timeline": timeline, "state": "handling"}}


def seen(**changes: Any) -> count.Seen:
    plain: dict[str, Any] = {
        "tasks": [task()],
        "clocks": [clock()],
        "escalations": [rung(1, "resolved"), rung(2, "withdrawn")],
        "told": told(TASK),
        "undispatched": frozenset(),
        "queues": {"intake.in": 0, "parking": 0},
        "moving": None,
        "board_rows": 3,
        "recomputed_equal": True,
    }
    return count.Seen(**plain | changes)


@pytest.fixture
def ledger() -> Ledger:
    return Ledger(
        raised={WHISTLE: planned(departments=("GA",))}, numbers={WHISTLE: "S01-1"}, acknowledged={TASK: WHISTLE}
    )


def test_a_clean_run_counts_no_fault(ledger: Ledger, sample: Pack) -> None:
    summary, faults = count.summarise(seen(), ledger, sample, 61.26)
    assert faults == []
    assert summary.as_json() == {
        "whistles_raised": 1,
        "tasks_expected": 1,
        "tasks_dispatched": 1,
        "tasks_acknowledged": 1,
        "acknowledged_late": 1,
        "warnings": 2,
        "breaches": 1,
        "escalations": 2,
        "escalations_by_rung": {"1": 1, "2": 1},
        "escalations_withdrawn": 1,
        "returns_arbitrated": 0,
        "extensions_granted": 0,
        "reworks": 0,
        "meetings": 0,
        "whistles_closed": 0,
        "board_rows": 3,
        "recomputed_equal": True,
        "lost": 0,
        "duplicated": 0,
        "parked": 0,
        "queues_empty": True,
        "seconds": 61.3,
    }


@pytest.mark.parametrize(
    ("changes", "lost", "duplicated", "words"),
    [
        ({"tasks": []}, 1, 0, "no task for GA under S01-1"),
        ({"clocks": [clock(name="arrive")]}, 1, 0, "no ack clock for GA under S01-1"),
        ({"told": told()}, 1, 0, "not in the timeline of S01-1"),
        ({"tasks": [task(), task(task_id=str(uuid4()))], "clocks": [clock()]}, 1, 1, "doubled: "),
        ({"escalations": [rung(1), rung(1)]}, 0, 1, "doubled: "),
        ({"tasks": [task(), task(department="XF")]}, 0, 0, "nobody asked for XF"),
        ({"moving": "queue intake.in: 3"}, 0, 0, "still moving: queue intake.in: 3"),
        ({"recomputed_equal": False}, 0, 0, "the measures reckoned anew"),
    ],
)
def test_every_fault_is_counted_and_named(
    ledger: Ledger, sample: Pack, changes: dict[str, Any], lost: int, duplicated: int, words: str
) -> None:
    summary, faults = count.summarise(seen(**changes), ledger, sample, 1.0)
    assert (summary.lost, summary.duplicated) == (lost, duplicated)
    assert any(words in fault for fault in faults)
    assert summary.queues_empty == ("moving" not in changes)


def test_what_the_stories_came_to_is_read_from_the_timelines(ledger: Ledger, sample: Pack) -> None:
    said = [
        ("dispatch.return_decided.v1", {}),
        ("dispatch.dispute_decided.v1", {}),
        ("intake.extension_decided.v1", {"granted": True}),
        ("dispatch.extension_decided.v1", {"granted": False}),
        ("intake.task_rework_ordered.v1", {}),
        ("intake.meeting_minuted.v1", {}),
    ]
    whistle = told(TASK)[WHISTLE]
    whistle["timeline"] += [{"event": event, "data": data} for event, data in said]
    summary, _ = count.summarise(seen(told={WHISTLE: whistle | {"state": "closed"}}), ledger, sample, 1.0)
    assert (summary.returns_arbitrated, summary.extensions_granted, summary.reworks) == (2, 1, 1)
    assert (summary.meetings, summary.whistles_closed) == (1, 1)


def test_a_withdrawn_whistle_must_be_cancelled_everywhere(ledger: Ledger, sample: Pack) -> None:
    ledger.withdrawn.add(WHISTLE)
    _, faults = count.summarise(seen(clocks=[clock(status="running")]), ledger, sample, 1.0)
    assert len([fault for fault in faults if fault.startswith("wrong: ")]) == 2
    ended = seen(tasks=[task(state="cancelled")], clocks=[])
    assert count.summarise(ended, ledger, sample, 1.0)[1] == []
