"""What a notice says: short, with the number to look it up by and an address; nothing of a resident's words."""

from collections.abc import Mapping
from datetime import datetime
from gettext import NullTranslations
from typing import Any

from whistle_shared.pages import Words
from whistle_shared.registry import Registry


class Wording:
    """Notices in the languages of their readers. `sites`: where each service's pages are."""

    def __init__(self, texts: Mapping[str, NullTranslations], sites: Mapping[str, str]) -> None:
        self._texts = texts
        self._sites = sites

    def message(self, notice: Any, registry: Registry | None, language: str, now: datetime) -> dict[str, str]:
        """`title`, `body` and, where it is known, `address`."""
        words = Words("en" if language == "en" else "zh", self._texts[language], registry)
        address = self._address(notice)
        lines = [self._whom(words, notice), *_lines(words, notice, now), address]
        message = {"title": _title(words, notice), "body": "\n".join(line for line in lines if line)}
        return message | ({"address": address} if address else {})

    def trial(self, language: str) -> dict[str, str]:
        """The message by which a channel is tried out."""
        gettext = self._texts[language].gettext
        address = self._sites.get("escalation", "")
        body = gettext("这是一条测试消息。收到即表示通知渠道可用，无需处理。")
        message = {"title": gettext("吹哨报到 测试消息"), "body": "\n".join(filter(None, (body, address)))}
        return message | ({"address": address} if address else {})

    def _address(self, notice: Any) -> str:
        escalation, department = self._sites.get("escalation"), self._sites.get("department")
        if notice.escalation_id is not None and escalation:
            return f"{escalation}/escalations/{notice.escalation_id}"
        if notice.kind == "task" and department:
            return f"{department}/tasks/{notice.task_id}"
        return f"{escalation}/clocks/{notice.clock_id}" if escalation and notice.clock_id else ""

    @staticmethod
    def _whom(words: Words, notice: Any) -> str:
        place = words.organisation(notice.organisation)
        return words.gettext("致 %(who)s：") % {"who": " ".join(filter(None, (place, notice.name)))}


def _title(words: Words, notice: Any) -> str:
    facts = notice.facts
    number = facts.get("number") or ""
    match notice.kind:
        case "task":
            title = words.gettext("新任务 %(number)s")
        case "warning":
            title = words.gettext("临期预警 %(number)s")
        case "rung":
            title = f"{words.rung(facts['rung'])} %(number)s"
        case _:
            title = words.gettext("再次提醒 %(rung)s %(number)s")
    return (title % {"number": number, "rung": words.rung(facts["rung"]) if "rung" in facts else ""}).strip()


def _lines(words: Words, notice: Any, now: datetime) -> list[str]:
    facts = notice.facts
    about = {
        "clock": words.clock(facts["clock"]),
        "due": _moment(words, facts.get("due_at"), now),
        "percent": facts.get("percent"),
        "street": words.street(facts["street"]) if facts.get("street") else "",
        "department": words.department(facts["department"]) if facts.get("department") else "",
    }
    match notice.kind:
        case "task":
            by = words.gettext("%(street)s吹哨，请在 %(due)s 前应哨。")
            said = by if about["due"] else words.gettext("%(street)s吹哨，请应哨。")
        case "warning":
            said = words.gettext("%(clock)s时限已过 %(percent)s%%，%(due)s 到期。")
        case "rung":
            said = words.gettext("%(clock)s时限已于 %(due)s 超时。")
        case _ if facts.get("stale"):
            said = words.gettext("%(clock)s时限已于 %(due)s 超时，确认后没有进展。")
        case _:
            said = words.gettext("%(clock)s时限已于 %(due)s 超时，尚未确认。")
    bound = about["department"] if notice.kind != "task" else ""
    return [str(facts.get("title") or ""), bound, said % about]


def _moment(words: Words, at: str | None, now: datetime) -> str:
    return words.moment(datetime.fromisoformat(at), now) if at else ""
