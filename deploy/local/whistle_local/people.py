"""Who gets an account where, to carry a whistle through the sample district from a report to its score.

Usernames are `<role>.<scope>`; names are those of the pack's duty roster, where it has one.
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

STREET, SIGNING_STREET = "S01", "S13"
"""S13 blows only what its leader has signed."""
POLICE = "GA"
_HEADED = ("CGJ", "ZFJ", POLICE)
"""Departments that get their heads, too; of the others one person who does everything up to handing in."""


@dataclass(frozen=True)
class Person:
    """Somebody with an account of one service process."""

    process: str
    username: str
    role: str
    scope: str
    name: str


@dataclass(frozen=True)
class Step:
    """One step of a whistle's way: what is done, on which page of which process, as whom. No username: nobody signs
    in."""

    what: str
    process: str
    usernames: tuple[str, ...] = ()
    path: str = "/"


_DISTRICT = {
    "dispatcher": ("dispatcher", "苏时雨"),
    "arbitrator": ("arbitrator", "潘北辰"),
    "inspector": ("inspector", "葛建平"),
    "operations": ("operations", "鲁清扬"),
}
_STREET = {
    "informant": "informant",
    "grid": "grid_officer",
    "community": "community",
    "street": "street_initiator",
    "approver": "street_approver",
}
_STREET_NAMES = {
    STREET: {"informant": "罗小禾", "grid": "窦一帆", "community": "任秋月", "street": "姚远帆", "approver": "蒋德厚"},
    SIGNING_STREET: {"community": "云牧之", "street": "顾清和", "approver": "柏子墨"},
}
_DEPARTMENT = {"handler": "handler", "section": "section_head", "head": "department_head"}

JOURNEY = (
    Step("a resident of 采薇街道 reports, with a photo 居民报事", "intake", path="/report"),
    Step("the grid officer looks at it 网格员", "intake", ("grid.s01",)),
    Step("the community hands it up 社区", "intake", ("community.s01",)),
    Step("the street blows a whistle 街道吹哨, its leader signs 审签", "intake", ("street.s01", "approver.s01")),
    Step("  in S13 the leader signs first, but for emergencies", "intake", ("street.s13", "approver.s13")),
    Step("the whistle office routes what nobody was found for 吹哨办", "dispatch", ("dispatcher", "arbitrator")),
    Step("departments sign for it, arrive, hand in 部门报到", "department", ("handler.cgj", "section.cgj", "head.cgj")),
    Step("  any other: handler.<the code beside its name>", "department", ("handler.zfj", "handler.zj")),
    Step("  the police have an instance of their own 公安", "department-ga", ("handler.ga", "head.ga")),
    Step("operations watch the clocks and the ladder 指挥", "escalation", ("operations", "inspector")),
    Step("the street verifies, scores, calls back 核查评价", "intake", ("street.s01",)),
    Step("the resident follows it by the tracking code, and rates", "intake", path="/report/progress"),
    Step("who keeps accounts (asks for a second factor) 账号", "intake", ("administrator",), "/admin/accounts"),
    Step("who reads the audit (asks for a second factor) 审计", "escalation", ("auditor",), "/admin/audit"),
)


def people(district: Path) -> list[Person]:
    """Everybody, by process, for the pack in this folder."""
    roster = _roster(district)
    district_wide = [(process, name) for process in ("intake", "dispatch", "escalation") for name in _DISTRICT]
    found = [Person(process, name, _DISTRICT[name][0], "*", _DISTRICT[name][1]) for process, name in district_wide]
    found += [_of_street("intake", kind, street) for street, names in _STREET_NAMES.items() for kind in names]
    found += [_of_street("escalation", kind, STREET) for kind in ("community", "street", "approver")]
    for process in ("intake", "escalation"):
        found += [_of_department(process, kind, "CGJ", roster) for kind in _DEPARTMENT]
    for code, instance in _departments(district).items():
        process = "department" if instance == "hosted" else f"department-{instance}"
        kinds = _DEPARTMENT if code in _HEADED else ("handler",)
        found += [_of_department(process, kind, code, roster) for kind in kinds]
    processes = sorted({person.process for person in found})
    found += [Person(process, "administrator", "administrator", "*", "管理员") for process in processes]
    found += [Person(process, "auditor", "auditor", "*", "审计员") for process in processes]
    return found


def _of_street(process: str, kind: str, street: str) -> Person:
    return Person(process, f"{kind}.{street.lower()}", _STREET[kind], street, _STREET_NAMES[street][kind])


def _of_department(process: str, kind: str, code: str, roster: Mapping[tuple[str, str], str]) -> Person:
    role = _DEPARTMENT[kind]
    return Person(process, f"{kind}.{code.lower()}", role, code, roster.get((code, role), f"{code} {kind}"))


def _roster(district: Path) -> dict[tuple[str, str], str]:
    """Organisation and role → the first that the roster names."""
    named: dict[tuple[str, str], str] = {}
    for row in _table(district / "people.csv"):
        named.setdefault((row["organisation"], row["role"]), row["name"])
    return named


def _departments(district: Path) -> dict[str, str]:
    """Code → instance, of those that take part."""
    return {row["code"]: row["instance"] for row in _table(district / "departments.csv") if row["active"] == "true"}


def _table(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8-sig", newline="") as source:
        return list(csv.DictReader(source))
