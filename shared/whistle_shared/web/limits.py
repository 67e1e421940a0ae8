"""How much one caller, one address and this process may be asked for: every figure stands in the tables of this file.

Budgets count requests in windows of a minute, in this process's memory: a second process of the same service counts
for itself, and a restart forgets. Slots bound how many requests are at work at once.

INVARIANT: an emergency never waits behind ordinary requests: it has slots and budgets that nothing else can use.
"""

import ipaddress
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from math import ceil
from time import monotonic
from typing import Any, Literal, get_args

from limits import RateLimitItemPerMinute
from limits.storage import Storage
from limits.strategies import FixedWindowRateLimiter
from starlette.types import Scope

BudgetName = Literal[
    "caller", "urgent", "photo", "report", "suggestion", "tracking", "unmask", "sign_in", "failed", "refused"
]
Urgent = Literal["never", "always", "emergency"]
KIB = 1024
MOST_KEPT = 50_000
"""How many callers or addresses a budget remembers; beyond that it forgets all and begins again."""


@dataclass(frozen=True, slots=True)
class Budget:
    """`amount` requests a minute for each of `counts`."""

    amount: int
    counts: Literal["caller", "address", "caller or address"]
    about: str


BUDGETS: dict[BudgetName, Budget] = {
    "caller": Budget(1200, "caller", "ordinary requests of a token or an account"),
    "urgent": Budget(600, "caller", "emergency whistles, acknowledgements, check-ins"),
    "photo": Budget(60, "caller or address", "photos handed in"),
    "report": Budget(30, "address", "residents' reports without an account"),
    "suggestion": Budget(120, "address", "categories suggested to residents"),
    "tracking": Budget(60, "address", "looks by tracking code"),
    "unmask": Budget(20, "caller", "residents' contacts shown in full"),
    "sign_in": Budget(60, "address", "attempts to sign in"),
    "failed": Budget(20, "caller or address", "passwords and second factors that were wrong"),
    "refused": Budget(120, "address", "requests with no credential or a wrong one, answered 401"),
}
assert set(BUDGETS) == set(get_args(BudgetName))


@dataclass(frozen=True, slots=True)
class Way:
    """What is special about a route. `path`: `{}` stands for one segment.

    `urgent`: whether it belongs to the emergency path; `emergency`: when the body's `kind` says so. `each`: what a
    known caller spends; `address`: what the address spends, with `unless_token` only when no good token came along.
    """

    method: str
    path: str
    urgent: Urgent = "never"
    each: BudgetName = "caller"
    address: BudgetName | None = None
    unless_token: bool = False
    most_bytes: int = 256 * KIB
    stream: bool = False


USUAL = Way("", "")
_WAYS = (
    Way("POST", "/api/v1/whistles", urgent="emergency"),
    Way("POST", "/api/v1/tasks/{}/acknowledgement", urgent="always"),
    Way("POST", "/api/v1/tasks/{}/arrival", urgent="always"),
    Way("POST", "/api/v1/escalations/{}/acknowledgement", urgent="always"),
    Way("POST", "/api/v1/photos", each="photo", address="photo", unless_token=True, most_bytes=12 * KIB * KIB),
    Way("POST", "/api/v1/registry/spreadsheet", most_bytes=2 * KIB * KIB),
    Way("POST", "/api/v1/reports", address="report", unless_token=True),
    Way("POST", "/api/v1/report-suggestions", address="suggestion"),
    Way("GET", "/api/v1/reports/progress", address="tracking"),
    Way("GET", "/report/progress/steps", address="tracking"),
    Way("POST", "/api/v1/reports/progress/rating", address="tracking"),
    Way("POST", "/api/v1/reports/{}/contact", each="unmask"),
    Way("POST", "/sign-in", address="sign_in"),
    Way("POST", "/sign-in/second-factor", address="sign_in"),
    Way("GET", "/sso", address="sign_in"),
    Way("GET", "/sso/callback", address="sign_in"),
    Way("GET", "/live", stream=True),
)
WAYS: dict[tuple[str, str], Way] = {(way.method, way.path): way for way in _WAYS}
_KEY = "whistle.way"


def way_of(scope: Scope) -> Way:
    """What is special about the route that a request names."""
    method, path = scope["method"], scope["path"]
    found = WAYS.get((method, path))
    if found is None and method == "POST":
        head, _, last = path.rpartition("/")
        found = WAYS.get((method, f"{head.rpartition('/')[0]}/{{}}/{last}"))
    return found or USUAL


def is_urgent(way: Way, body: Any) -> bool:
    """Whether a request is on the emergency path. `body`: its JSON, where that decides."""
    if way.urgent == "emergency":
        return isinstance(body, dict) and body.get("kind") == "emergency"
    return way.urgent == "always"


class TooMany(Exception):
    """A budget is spent. `wait`: seconds until there is a new one."""

    def __init__(self, name: BudgetName, amount: int, wait: int) -> None:
        self.name, self.wait = name, wait
        super().__init__(f"the budget {name!r} ({amount} a minute, {BUDGETS[name].about}) is spent")


class TooManyPhotos(TooMany):
    """An address has too many of them on their way, or waiting to be used. `wait`: seconds until it is worth another
    try."""

    def __init__(self, why: str, wait: int) -> None:
        self.name, self.wait = "photo", wait
        Exception.__init__(self, why)


class Limits:
    """The budgets of one process. `amounts` replaces those of BUDGETS; `refuse` is told the name of a spent one."""

    def __init__(
        self, amounts: Mapping[BudgetName, int], refuse: Callable[[BudgetName], None] = lambda name: None
    ) -> None:
        self._items = {
            name: RateLimitItemPerMinute(amounts.get(name, budget.amount)) for name, budget in BUDGETS.items()
        }
        # One for each budget: a flood of addresses must not push out what callers have spent.
        self._counters = {name: FixedWindowRateLimiter(_Counts()) for name in BUDGETS}
        self._refuse = refuse

    def spend(self, name: BudgetName, who: str) -> None:
        """One request of `who`. Raises TooMany."""
        item, counter = self._items[name], self._counters[name]
        if not counter.hit(item, who):
            wait = counter.get_window_stats(item, who).reset_time - monotonic()
            self._refuse(name)
            raise TooMany(name, item.amount, max(1, ceil(wait)))

    def is_spent(self, name: BudgetName, who: str) -> bool:
        """Whether nothing is left; takes nothing."""
        return not self._counters[name].test(self._items[name], who)

    def spend_of_caller(self, scope: Scope, actor: str, body: Any) -> None:
        """One request of somebody who is known. Raises TooMany."""
        way: Way = scope.get(_KEY, USUAL)
        self.spend("urgent" if is_urgent(way, body) else way.each, actor)

    def spend_of_address(self, scope: Scope, way: Way, *, known: bool) -> None:
        """What a request costs unless it is `known` by a token where that counts. Raises TooMany."""
        scope[_KEY] = way
        if way.address is not None and not known:
            self.spend(way.address, address_of(scope))

    def spend_of_stranger(self, scope: Scope) -> None:
        """What a request without a good credential costs its address; also what it was spared for bringing one.
        Raises TooMany."""
        way: Way = scope.get(_KEY, USUAL)
        if way.address is not None and way.unless_token and has_token(scope):
            self.spend(way.address, address_of(scope))
        self.spend("refused", address_of(scope))


def has_token(scope: Scope) -> bool:
    """Whether a credential came along; whether it is good shows later."""
    return any(name == b"authorization" for name, _ in scope["headers"])


def address_of(scope: Scope) -> str:
    """Whom an address is counted as: an IPv4 address, or the /64 network that a household or a phone has of IPv6."""
    client = scope.get("client")
    return _network(client[0]) if client else ""


@lru_cache(4096)
def _network(host: str) -> str:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv4Address):
        return host
    return str(address.ipv4_mapped or ipaddress.ip_network((address.packed[:8] + bytes(8), 64)).network_address)


class Slots:
    """Requests at work. Ordinary ones leave `reserve` slots to urgent ones; streams, which stay, have their own.

    A `with` block holds a slot; it is entered with False when there is none.
    """

    def __init__(self, ordinary: int, reserve: int, streams: int) -> None:
        self._most = {"ordinary": ordinary, "stream": streams}
        self._all = ordinary + reserve
        self.held = {"ordinary": 0, "urgent": 0, "stream": 0}

    def is_full(self) -> bool:
        """Whether ordinary requests are turned away now."""
        return self.held["ordinary"] >= self._most["ordinary"]

    @contextmanager
    def taken(self, lane: Literal["ordinary", "urgent", "stream"]) -> Iterator[bool]:
        free = self._is_free(lane)
        self.held[lane] += free
        try:
            yield free
        finally:
            self.held[lane] -= free

    def _is_free(self, lane: str) -> bool:
        if lane == "urgent":
            return self.held["ordinary"] + self.held["urgent"] < self._all
        return self.held[lane] < self._most[lane]


class _Counts(Storage):
    """Counters in memory. The library's own start a thread for every few requests to look through all keys; these
    look once a minute, and never keep more than MOST_KEPT keys."""

    def __init__(self) -> None:
        super().__init__()
        self._counts: dict[str, int] = {}
        self._ends: dict[str, float] = {}
        self._sweep_at = 0.0

    @property
    def base_exceptions(self) -> type[Exception]:
        return ValueError

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        now = monotonic()
        if now >= self._ends.get(key, 0.0):
            self._sweep(now, expiry)
            self._ends[key] = now + expiry
            self._counts[key] = 0
        self._counts[key] += amount
        return self._counts[key]

    def _sweep(self, now: float, every: float) -> None:
        if now >= self._sweep_at:
            self._sweep_at = now + every
            ended = [key for key, end in self._ends.items() if now >= end]
            for key in ended:
                self.clear(key)
        if len(self._ends) >= MOST_KEPT:
            self.reset()

    def get(self, key: str) -> int:
        return self._counts.get(key, 0) if monotonic() < self._ends.get(key, 0.0) else 0

    def get_expiry(self, key: str) -> float:
        return self._ends.get(key, monotonic())

    def check(self) -> bool:
        return True

    def reset(self) -> int:
        forgotten = len(self._ends)
        self._ends.clear()
        self._counts.clear()
        return forgotten

    def clear(self, key: str) -> None:
        self._ends.pop(key, None)
        self._counts.pop(key, None)
