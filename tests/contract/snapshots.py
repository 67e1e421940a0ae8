"""The schemas of all event types as they were published, one file each, and what would break a reader or a writer.

`python tests/contract/snapshots.py` adds what is new; it refuses a change that is not additive: that is a `v2`.
"""

import json
import sys
from pathlib import Path
from typing import Any

from whistle_shared.contracts import TYPES, EventData

FOLDER = Path(__file__).parent / "snapshots"
_PROSE = ("title", "description", "examples")
Schema = dict[str, Any]


def described(model: type[EventData]) -> Schema:
    """A type as it is snapshot: its schema without prose, and whether it travels by address."""
    return {"addressed": model.addressed, "schema": _without_prose(model.model_json_schema())}


def _without_prose(schema: Any) -> Any:
    """A property may be called `title`: prose is what stands there as a text or a list of examples."""
    if isinstance(schema, list):
        return [_without_prose(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {name: part for name, part in schema.items() if name not in _PROSE or isinstance(part, dict)}
    return {name: _without_prose(part) for name, part in kept.items()}


def kept(key: str) -> Schema | None:
    """The snapshot of a type, or None for a new one."""
    file = FOLDER / f"{key}.json"
    if not file.exists():
        return None
    snapshot: Schema = json.loads(file.read_text("utf-8"))
    return snapshot


def breaks(old: Schema, new: Schema) -> list[str]:
    """Why `new` is not just `old` with optional fields added; empty when it is."""
    found = [] if old["addressed"] == new["addressed"] else ["addressed has changed"]
    found += _breaks(old["schema"], new["schema"], "data")
    for name, definition in old["schema"].get("$defs", {}).items():
        found += _breaks(definition, new["schema"].get("$defs", {}).get(name, {}), name)
    return found


def _breaks(old: Schema, new: Schema, where: str) -> list[str]:
    before, after = old.get("properties", {}), new.get("properties", {})
    found = [f"{where}.{name} is gone" for name in before if name not in after]
    found += [f"{where}.{name} has changed" for name in before if name in after and before[name] != after[name]]
    new_duties = set(new.get("required", [])) - set(old.get("required", []))
    found += [f"{where}.{name} has become required" for name in sorted(new_duties)]
    released = (set(old.get("required", [])) - set(new.get("required", []))) & set(after)
    found += [f"{where}.{name} is no longer required" for name in sorted(released)]
    rest = {name for name in {*old, *new} if name not in ("properties", "required", "$defs")}
    return found + [f"{where}: {name} has changed" for name in sorted(rest) if old.get(name) != new.get(name)]


def text_of(snapshot: Schema) -> str:
    return json.dumps(snapshot, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def main() -> int:
    """Write the snapshot of every type that is new or has grown; returns the exit code."""
    FOLDER.mkdir(exist_ok=True)
    for key, model in sorted(TYPES.items()):
        new, old = described(model), kept(key)
        reasons = [] if old is None else breaks(old, new)
        if reasons:
            print(f"{key} would break: {'; '.join(reasons)}", file=sys.stderr)
            return 1
        (FOLDER / f"{key}.json").write_text(text_of(new), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
