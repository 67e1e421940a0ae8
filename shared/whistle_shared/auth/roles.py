"""Who may do what: every role, how far it reaches, and its rights. Data, not code.

A route asks for one right; a role has a set of them; nothing else decides. The table that a newcomer reads is
`docs/security.md`; the test that walks every route for every role has a table of its own and is compared with this.
"""

from dataclasses import dataclass
from typing import Literal, get_args

Role = Literal[
    "informant",
    "grid_officer",
    "community",
    "street_initiator",
    "street_approver",
    "handler",
    "section_head",
    "department_head",
    "dispatcher",
    "arbitrator",
    "inspector",
    "operations",
    "administrator",
    "auditor",
]
"""A resident has no role: a tracking code opens the one report it was given for."""

Reach = Literal["street", "department", "district", "any"]
"""What a scope of this role names: a street's code, a department's, `*`, or any of the three."""

Right = Literal[
    # intake
    "report",
    "report.read",
    "report.triage",
    "person.unmask",
    "person.erase",
    "whistle.read",
    "whistle.draft",
    "whistle.blow",
    "whistle.sign",
    "whistle.withdraw",
    "task.verify",
    "request.read",
    "meeting.read",
    # dispatch
    "dispatch.read",
    "dispatch.route",
    "dispatch.arbitrate",
    "registry.read",
    "registry.write",
    # department
    "task.read",
    "task.act",
    "task.ask",
    # escalation
    "clock.read",
    "escalation.acknowledge",
    "reminder.send",
    "letter.write",
    "board.publish",
    # everywhere
    "photo.add",
    "export",
    "account.manage",
    "audit.read",
]


@dataclass(frozen=True, slots=True)
class RoleRule:
    """A role's name in both languages, its reach, and its rights."""

    zh: str
    en: str
    reach: Reach
    rights: frozenset[Right]


def _rule(zh: str, en: str, reach: Reach, *rights: frozenset[Right] | Right) -> RoleRule:
    held: set[Right] = set()
    for right in rights:
        if isinstance(right, frozenset):
            held |= right
        else:
            held.add(right)
    return RoleRule(zh, en, reach, frozenset(held))


_SEES: frozenset[Right] = frozenset(
    {
        "whistle.read",
        "request.read",
        "meeting.read",
        "clock.read",
        "dispatch.read",
        "registry.read",
        "task.read",
        "report.read",
    }
)
# A grid officer drafts (DOMAIN C.1) and has to reach whoever reported; withdrawing is for drafts until one may blow.
_GRID: frozenset[Right] = frozenset(
    {
        "report",
        "report.read",
        "report.triage",
        "person.unmask",
        "whistle.read",
        "whistle.draft",
        "whistle.withdraw",
        "registry.read",
        "photo.add",
    }
)
_COMMUNITY: frozenset[Right] = _GRID | {"clock.read"}
_STREET: frozenset[Right] = _COMMUNITY | {
    "whistle.blow",
    "task.verify",
    "request.read",
    "meeting.read",
    "escalation.acknowledge",
    "reminder.send",
    "export",
}
_HANDLER: frozenset[Right] = frozenset(
    {"task.read", "task.act", "clock.read", "whistle.read", "photo.add", "registry.read"}
)
# No signature is asked of a department that calls others: hence only its head blows.
_SECTION: frozenset[Right] = _HANDLER | {"task.ask", "whistle.draft", "whistle.withdraw", "escalation.acknowledge"}
_OFFICE: frozenset[Right] = _SEES | {
    "dispatch.route",
    "whistle.blow",
    "whistle.withdraw",
    "escalation.acknowledge",
    "reminder.send",
    "letter.write",
    "board.publish",
    "export",
}

ROLES: dict[Role, RoleRule] = {
    "informant": _rule("信息员", "informant", "street", "report", "photo.add"),
    "grid_officer": _rule("网格员", "grid officer", "street", _GRID),
    "community": _rule("社区", "community", "street", _COMMUNITY),
    "street_initiator": _rule("街道吹哨人", "street initiator", "street", _STREET),
    "street_approver": _rule("街道审签人", "street approver", "street", _STREET, "whistle.sign", "person.erase"),
    "handler": _rule("承办人", "department handler", "department", _HANDLER),
    "section_head": _rule("科室负责人", "section head", "department", _SECTION),
    "department_head": _rule("部门负责人", "department head", "department", _SECTION, "whistle.blow", "export"),
    "dispatcher": _rule("区吹哨办派单员", "district dispatcher", "district", _OFFICE),
    "arbitrator": _rule("区吹哨办裁定人", "arbitrator", "district", _OFFICE, "dispatch.arbitrate", "registry.write"),
    "inspector": _rule(
        "督查室",
        "inspection office",
        "district",
        _SEES,
        "escalation.acknowledge",
        "reminder.send",
        "letter.write",
        "board.publish",
        "export",
    ),
    "operations": _rule("指挥中心", "operations viewer", "district", _SEES),
    "administrator": _rule("系统管理员", "administrator", "any", "account.manage"),
    "auditor": _rule("审计员", "auditor", "district", "audit.read", "export"),
}
assert set(ROLES) == set(get_args(Role))

STREET_ROLES: tuple[Role, ...] = tuple(role for role, rule in ROLES.items() if rule.reach == "street")
DEPARTMENT_ROLES: tuple[Role, ...] = tuple(role for role, rule in ROLES.items() if rule.reach == "department")
ADMINISTERS: frozenset[Right] = frozenset({"account.manage", "audit.read"})
"""Rights that demand a second factor at a browser."""


def takes_second_factor(role: Role) -> bool:
    """Whether whoever has this role must have a second factor."""
    return not ADMINISTERS.isdisjoint(ROLES[role].rights)
