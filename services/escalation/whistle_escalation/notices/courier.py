"""The program that speaks to providers by Apprise: a process of its own, without environment, under a guard of its own.

Reads one JSON object a line, the first `{allowed, authorities, at_once}`, then jobs `{id, do, address, title, body,
pressing}`; of each job it writes one line when it begins, `{id, begun}`, and one when it ends. Apprise calls through
`requests` and `smtplib`; the guard sits below both, where names are resolved and connections are made.
INVARIANT: no connection is made but to an address that was checked right after the one resolving of its name.
INVARIANT: HTTP goes to addresses that `outgoing_allowed` names, certificates are checked, nothing is followed, and of
an answer no more is read than MOST_BYTES in MOST_SECONDS.
"""

import json
import logging
import os
import resource
import smtplib
import socket
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partialmethod
from time import monotonic
from typing import Any, NoReturn
from urllib.parse import parse_qs, urlsplit

import apprise
import requests
from urllib3.exceptions import NewConnectionError

from whistle_shared.outgoing import Allowed, Refused, address_of

MOST_BYTES, MOST_SECONDS = 64 * 1024, 10.0
MEMORY = 1 << 30
_RECEIPT = 300
# They show something on this very machine, or write to it.
_HERE = frozenset(
    ["blink1", "dbus", "gio", "glib", "gnome", "growl", "kde", "macosx", "qt", "rsyslog", "syslog", "windows"]
)
# What would switch off a check of ours, or send more often than we know.
_NOT_YOURS = frozenset(["verify", "retry", "wait", "cto", "rto", "attach", "overflow"])
_NEVER = frozenset(
    ["subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "socket.bind", "syslog.syslog"]
)
_GATEWAYS_SHRUG = (408, 502, 504)
_LATER = 429
# WeCom, DingTalk and Feishu answer 200 whatever happens and say in the body how it went. Many others write 200 there.
_VERDICTS = ("errcode", "code", "StatusCode")
# Busy, or too often: WeCom, DingTalk, Feishu.
_NOT_NOW = frozenset([-1, 45009, 45033, 90030, 130101, 410100, 11232, 99991400])


@dataclass
class Trace:
    """What came of one job on the wire. `said`: how each exchange ended and what was answered; `connected`: whether
    anybody was reached at all; `declined`: an answer that looks well says that it did not go well."""

    said: list[tuple[str, str]] = field(default_factory=list)
    connected: bool = False
    declined: bool = False

    def outcome(self, accepted: bool) -> tuple[str, str]:
        """(outcome, receipt). Unknown is whatever may have been delivered all the same."""
        receipt = self.said[-1][1] if self.said else ""
        ends = {end for end, _ in self.said}
        if accepted and not self.declined:
            return "delivered", receipt
        for worst in ("unknown", "refused"):
            if worst in ends:
                return worst, next(text for end, text in self.said if end == worst)
        if not self.said:
            return ("unknown", "no word of how it ended") if self.connected else ("failed", "nobody was reached")
        last = self.said[-1][0]
        return ("failed" if last == "answered" else last), receipt


_job = threading.local()


def _trace() -> Trace:
    found: Trace = _job.trace
    return found


class Guard:
    """Stands between Apprise and the network."""

    def __init__(self, allowed: Allowed, authorities: str | None) -> None:
        self._allowed = allowed
        self._authorities = authorities
        self._checked: set[tuple[str, int]] = set()
        self._resolve = socket.getaddrinfo
        self._send = requests.Session.send
        self._mail = smtplib.SMTP.sendmail

    def stand(self) -> None:
        """From now on."""
        # Put in their place for good: this process does nothing else.
        socket.getaddrinfo = self._resolved
        requests.Session.send = partialmethod(_through, self._sent)  # type: ignore[assignment, method-assign]
        smtplib.SMTP.sendmail = partialmethod(_through, self._mailed)  # type: ignore[assignment, method-assign]
        sys.addaudithook(self._watch)

    def _resolved(self, host: Any, port: Any, *args: Any, **more: Any) -> Any:
        name = host.decode("ascii") if isinstance(host, bytes) else str(host)
        try:
            entry = self._allowed.place(name, int(port))
        except (Refused, ValueError) as error:
            _refuse(str(error))
        found = self._resolve(host, port, *args, **more)
        for *_, place in found:
            if not _admits(entry, str(place[0])):
                _refuse(f"{name} is at {place[0]}, which outgoing_allowed does not allow for it")
        self._checked |= {(str(place[0]), int(place[1])) for *_, place in found}
        return found

    def _watch(self, event: str, args: tuple[Any, ...]) -> None:
        if event == "socket.connect":
            place = args[1][:2] if isinstance(args[1], tuple) else args[1]
            if place not in self._checked:
                _refuse(f"a connection to {place}")
            _trace().connected = True
        elif event in _NEVER:
            raise PermissionError(event)

    def _sent(self, session: requests.Session, request: requests.PreparedRequest, **more: Any) -> requests.Response:
        trace = _trace()
        request.headers["Accept-Encoding"] = "identity"
        more |= {"allow_redirects": False, "stream": True, "verify": self._authorities or True, "proxies": {}}
        try:
            self._allowed.check(request.url or "")
            answer = self._send(session, request, **more)
            body = _read(answer)
        except Refused as error:
            trace.said.append(("refused", str(error)))
            raise requests.ConnectionError(str(error)) from None
        except requests.RequestException as error:
            trace.said.append(("failed" if _never_left(error) else "unknown", type(error).__name__))
            raise
        answer._content = body  # noqa: SLF001 - a stream that has been read within our limits
        end = _of_status(answer.status_code)
        if end == "answered":
            end = _of_body(body)
            trace.declined |= end != "answered"
        trace.said.append((end, f"{answer.status_code} {_plain(body)}".strip()))
        return answer

    def _mailed(self, server: smtplib.SMTP, *args: Any, **more: Any) -> Any:
        trace = _trace()
        try:
            refused = self._mail(server, *args, **more)
        except smtplib.SMTPRecipientsRefused as error:
            trace.said.append(("rejected", _plain(repr(error.recipients).encode())))
            raise
        except smtplib.SMTPResponseException as error:
            end = "rejected" if error.smtp_code >= 500 else "failed"
            trace.said.append((end, f"{error.smtp_code} {_plain(bytes(str(error.smtp_error), 'utf-8'))}"))
            raise
        except (OSError, smtplib.SMTPException) as error:
            trace.said.append(("unknown", type(error).__name__))
            raise
        trace.said.append(("answered", "250 accepted by the mail server"))
        return refused


def _through(it: Any, act: Callable[..., Any], *args: Any, **more: Any) -> Any:
    """A method of somebody else's class that one of ours stands in for."""
    return act(it, *args, **more)


def _admits(entry: Any, address: str) -> bool:
    try:
        return bool(entry.admits(address_of(address)))
    except ValueError:
        return False


def _refuse(what: str) -> NoReturn:
    _trace().said.append(("refused", what))
    raise PermissionError(what)


def _never_left(error: requests.RequestException) -> bool:
    """Whether the other side cannot have heard any of it."""
    reason = getattr(error.args[0] if error.args else None, "reason", None)
    kinds = (requests.exceptions.SSLError, requests.exceptions.ConnectTimeout, requests.exceptions.InvalidURL)
    return isinstance(error, kinds) or isinstance(reason, NewConnectionError)


def _of_status(status: int) -> str:
    if status < 300:
        return "answered"
    if status in _GATEWAYS_SHRUG:
        return "unknown"
    return "failed" if status >= 500 or status == _LATER else "rejected"


def _of_body(body: bytes) -> str:
    try:
        told = json.loads(body)
    except ValueError:
        return "answered"
    verdicts = [told.get(name, 0) for name in _VERDICTS] if isinstance(told, dict) else []
    bad = [code for code in verdicts if type(code) is int and code != 0 and not 200 <= code < 300]
    if not bad:
        return "answered"
    return "failed" if _NOT_NOW.intersection(bad) else "rejected"


def _read(answer: requests.Response) -> bytes:
    """As much of a body as we read; a connection that dawdles is left."""
    body, ends = b"", monotonic() + MOST_SECONDS
    while len(body) < MOST_BYTES and monotonic() < ends:
        piece = answer.raw.read(4096, decode_content=False)
        if not piece:
            break
        body += piece
    answer.close()
    return body


def _plain(body: bytes) -> str:
    text = body[: _RECEIPT * 4].decode("utf-8", "replace")
    return "".join(ch if ch.isprintable() else " " for ch in text)[:_RECEIPT]


# -- jobs -----------------------------------------------------------------------------------------------------

_ASSET = apprise.AppriseAsset(
    app_id="Whistle",
    app_desc="Whistle",
    app_url="",
    image_url_mask="",
    image_url_logo="",
    storage_mode=apprise.PersistentStoreMode.MEMORY,
    secure_logging=True,
)


class Unfit(Exception):
    """No message is sent to such an address; the message says why."""


def opened(address: str) -> Any:
    """The plugin for an address. Raises Unfit."""
    try:
        parts = urlsplit(address)
    except ValueError as error:
        raise Unfit("is not known to Apprise") from error
    if parts.scheme in _HERE:
        raise Unfit("shows it on the server and to nobody")
    if parts.scheme == "mailto":
        raise Unfit("must begin with mailtos://, for mail goes over TLS")
    asked = parse_qs(parts.query, keep_blank_values=True)
    forbidden = sorted(_NOT_YOURS & {name.lower() for name in asked})
    if forbidden or "insecure" in asked.get("mode", ()):
        raise Unfit(f"must not set {', '.join(forbidden) or 'mode=insecure'}")
    plugin = apprise.Apprise.instantiate(address, asset=_ASSET, suppress_exceptions=True)
    if plugin is None or isinstance(plugin, apprise.AppriseConfig):
        raise Unfit("is not known to Apprise")
    if len(plugin) != 1:
        raise Unfit("names several recipients; one address has one")
    return plugin


def checked(job: dict[str, Any]) -> dict[str, str]:
    """What an address is: the provider's name, and the address without what must stay secret."""
    plugin = opened(job["address"])
    return {
        "outcome": "fits",
        "service": str(plugin.service_name),
        "label": str(plugin.url(privacy=True)).split("?")[0],
    }


def sent(job: dict[str, Any]) -> dict[str, str]:
    """Send one message."""
    plugin = opened(job["address"])
    kind = apprise.NotifyType.WARNING if job["pressing"] else apprise.NotifyType.INFO
    accepted = plugin.notify(title=job["title"], body=job["body"], notify_type=kind)
    outcome, receipt = _trace().outcome(bool(accepted))
    return {"outcome": outcome, "receipt": receipt}


def done(job: dict[str, Any], act: Callable[[dict[str, Any]], dict[str, str]]) -> dict[str, str]:
    """A job's answer, whatever happens to it."""
    _job.trace = Trace()
    try:
        return {"id": job["id"], **act(job)}
    except Unfit as error:
        return {"id": job["id"], "outcome": "rejected", "receipt": str(error)[:_RECEIPT]}
    except Exception as error:  # noqa: BLE001 - whatever a plugin does, the others go on
        outcome, receipt = _trace().outcome(accepted=False)
        return {"id": job["id"], "outcome": outcome, "receipt": receipt or type(error).__name__}


def confine() -> None:
    """Give up what is not needed."""
    os.nice(5)
    for what, most in (
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, 64),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))


def main() -> None:
    """See the module's docstring."""
    logging.disable(logging.CRITICAL)  # Apprise logs what is sent
    settings = json.loads(sys.stdin.readline())
    # What loads a plugin looks at files, so it happens before anything is given up.
    apprise.Apprise.instantiate("json://localhost", asset=_ASSET)
    confine()
    Guard(Allowed.of(settings["allowed"]), settings["authorities"]).stand()
    writing = threading.Lock()

    def says(what: dict[str, Any]) -> None:
        with writing:
            sys.stdout.write(json.dumps(what) + "\n")
            sys.stdout.flush()

    def work(job: dict[str, Any]) -> None:
        says({"id": job["id"], "begun": True})
        says(done(job, checked if job["do"] == "check" else sent))

    with ThreadPoolExecutor(settings["at_once"]) as pool:
        for line in sys.stdin:
            pool.submit(work, json.loads(line))


if __name__ == "__main__":
    main()
