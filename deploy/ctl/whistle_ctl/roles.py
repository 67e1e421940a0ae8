"""`whistlectl roles`: the table of roles and rights as docs/security.md has it, made from the code."""

from typing import get_args

import typer

from whistle_shared.auth import ROLES, Right, takes_second_factor

_SCOPES = {
    "street": "a street; a grid of it",
    "department": "a department",
    "district": "the whole district",
    "any": "the whole district, a street or a department",
}


def command() -> None:
    """Print the table of roles and rights, in Markdown."""
    typer.echo(table())


def table() -> str:
    """A row for each role: its two names, what its scope may be, its rights in the order of the code."""
    rows = ["| role | 角色 | scope | rights |", "|---|---|---|---|"]
    for role, rule in ROLES.items():
        rights = ", ".join(f"`{right}`" for right in get_args(Right) if right in rule.rights)
        factor = " · second factor" if takes_second_factor(role) else ""
        rows.append(f"| `{role}` {rule.en} | {rule.zh} | {_SCOPES[rule.reach]}{factor} | {rights} |")
    return "\n".join(rows)
