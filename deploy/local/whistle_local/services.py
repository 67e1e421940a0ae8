"""The five service processes: their names, ports and the environment that configures each.

`source: issue 2, "Parts, and how each starts"` for names and ports.
"""

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

from whistle_local import ports
from whistle_local.errors import StackError
from whistle_local.state import write_private
from whistle_local.supervisor import Program

_BUDGETS = ("caller", "urgent", "photo", "report", "tracking", "unmask", "sign_in", "failed", "refused", "suggestion")
ROOMY = dict.fromkeys(_BUDGETS, 1_000_000)
"""Requests a minute by budget: here one token and one address stand for everybody."""


@dataclass(frozen=True)
class Service:
    """One service process."""

    name: str
    module: str
    database: str
    broker_user: str
    default_port: int
    instance: str | None = None

    @property
    def setting(self) -> str:
        """The environment variable that moves its port, as DEPARTMENT_GA_PORT."""
        return self.name.upper().replace("-", "_") + "_PORT"


SERVICES = (
    Service("intake", "whistle_intake", "whistle_intake", "intake", 8101),
    Service("dispatch", "whistle_dispatch", "whistle_dispatch", "dispatch", 8102),
    Service("department", "whistle_department", "whistle_department_hosted", "department.hosted", 8103, "hosted"),
    Service("department-ga", "whistle_department", "whistle_department_ga", "department.ga", 8113, "ga"),
    Service("escalation", "whistle_escalation", "whistle_escalation", "escalation", 8104),
)
NAMES = tuple(service.name for service in SERVICES)
SITES = ("intake", "department", "dispatch", "escalation")
"""Those that the pages of all name in their header; a dedicated instance is reached by its own address."""


def ports_from_settings() -> dict[str, int]:
    """Each service's port: its variable (for example INTAKE_PORT) or its default."""
    return {service.name: _port(service) for service in SERVICES}


def require_free(chosen: Mapping[str, int]) -> None:
    """Raises StackError that names the first busy port and the setting that moves it."""
    for service in SERVICES:
        ports.require_free(chosen[service.name], service.name, service.setting)


def environment(
    service: Service, database_url: str, amqp_url: str, chosen: Mapping[str, int], common: Mapping[str, str]
) -> dict[str, str]:
    """The variables of one service process. `chosen`: each process's port; `common`: what all processes share."""
    own = {
        "WHISTLE_DATABASE_URL": database_url,
        "WHISTLE_AMQP_URL": amqp_url,
        "WHISTLE_HOST": ports.LOOPBACK,
        "WHISTLE_PORT": str(chosen[service.name]),
        "WHISTLE_LIMITS": json.dumps(ROOMY),
        "WHISTLE_SITES": json.dumps({name: address(chosen[name]) for name in SITES}),
    }
    instance = {"WHISTLE_INSTANCE": service.instance} if service.instance else {}
    return {**common, **own, **instance}


def address(port: int) -> str:
    """Where a service is found at that port of this machine."""
    return f"http://{ports.LOOPBACK}:{port}"


def write_environment(file: Path, variables: Mapping[str, str]) -> None:
    """An env file of lines `KEY=value`, private because it carries passwords."""
    write_private(file, "".join(f"{key}={value}\n" for key, value in variables.items()))


def program(service: Service, variables: Mapping[str, str]) -> Program:
    """The service as a supervised program, configured by these variables."""
    return Program(service.name, [sys.executable, "-m", service.module, "serve"], variables)


def is_ready(port: int) -> bool:
    """Whether the service on that port answers its readiness probe with 200."""
    try:
        answer = httpx.get(f"{address(port)}/readyz", timeout=5, trust_env=False)
    except httpx.TransportError:
        return False
    return answer.status_code == httpx.codes.OK


def _port(service: Service) -> int:
    text = os.environ.get(service.setting, str(service.default_port))
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise StackError(f"{service.setting}={text} is not a port number")
    return int(text)
