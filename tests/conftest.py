"""The fixtures of all tests. Real RabbitMQ and PostgreSQL, started once a session and only if a test asks for them.

- `infrastructure` (session): a private broker and database (profile `.local/test`, or `.local/test-gw0`… for workers
  side by side; another with `WHISTLE_TEST_PROFILE`; given ones with `AMQP_URL`, `RABBITMQ_MANAGEMENT_URL`,
  `DATABASE_ADMIN_URL`), empty, the five databases migrated, the topology applied. Has the addresses; starts no service.
- `city` (per test; `support.city.City`): the five services run in the tests' one event loop, the sample district is
  loaded, business time stands at Monday 2026-06-01 09:00 in Shanghai, every table and queue is empty. Speak to it
  through people and wait for what you expect:

      whistle = await city.street("S01").blows(category="0701")
      await city.expects_tasks(whistle, ["CGJ", "PSGS", "GSGS", "TXGS", "GDGS"])
      await city.department("CGJ").acknowledges(whistle)
      await city.passes(minutes=16)
      await city.expects_escalation(department="PSGS", rung=1)

  `city.call(service, method, path, role=…, scope=…)` is any request with a fitting token; `city.client(service)` the
  bare door; `city.without("escalation")` a service that is down for a while; `city.settles()` the moment when nothing
  is under way; `city.broker` the administrator's view of queues and parking.
- `door` (per test): the same city, not cleaned, for tests that only knock and are refused.
- `workshop` (per test; `support.workshop.Workshop`): the shared mechanisms alone, two toy services with handlers of
  the test's own, in a vhost and databases apart from the city's.

Async tests and fixtures share one event loop for the session. Nothing sleeps: `support.waiting.until` waits for a
condition with a limit.
"""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
import structlog
from argon2 import PasswordHasher

from support import stack
from support.city import City
from support.workshop import Workshop
from whistle_local import Infrastructure
from whistle_shared.auth import passwords


def pytest_configure() -> None:
    """What the services log from a warning on shows in a failed test's report, with plain tracebacks."""
    plain = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(
        processors=[structlog.processors.add_log_level, plain],
        wrapper_class=structlog.make_filtering_bound_logger("warning"),
    )


@pytest.fixture(scope="session", autouse=True)
def cheap_passwords() -> None:
    """Tests sign in hundreds of times: their passwords are kept by parameters that cost next to nothing."""
    passwords._argon2 = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1)


@pytest.fixture(scope="session")
def infrastructure() -> Iterator[Infrastructure]:
    """Broker and database, empty but ready for the services."""
    with stack.running() as running:
        yield running


@pytest_asyncio.fixture(scope="session")
async def standing_city(infrastructure: Infrastructure) -> AsyncIterator[City]:
    """The city of the whole session; tests take `city`, which is this one, cleaned."""
    city = City(infrastructure)
    await city.open()
    yield city
    await city.close()


@pytest_asyncio.fixture
async def city(standing_city: City) -> City:
    """The city at the start of a story."""
    await standing_city.clean()
    return standing_city


@pytest_asyncio.fixture
async def door(standing_city: City) -> City:
    """The city as it stands, not cleaned: for requests that are refused or only look."""
    return standing_city


@pytest_asyncio.fixture(scope="session")
async def standing_workshop(infrastructure: Infrastructure) -> AsyncIterator[Workshop]:
    """The workshop's databases and vhost, for the whole session."""
    workshop = Workshop(infrastructure)
    await workshop.open()
    yield workshop
    await workshop.close()


@pytest_asyncio.fixture
async def workshop(standing_workshop: Workshop) -> AsyncIterator[Workshop]:
    """The workshop, swept, with no service running."""
    await standing_workshop.sweep()
    yield standing_workshop
    await standing_workshop.rest()
