"""The private RabbitMQ node of one profile, and the vhost on it (or on a given broker).

Everything listens on loopback; node name, ports, port mapper (epmd) and cookie are the profile's own, so the node
neither meets nor disturbs another RabbitMQ of the machine. Users and all that the vhost holds come with the topology
(`whistlectl topology apply`).
"""

import os
import ssl
from collections.abc import Mapping
from typing import Self
from urllib.parse import parse_qs, quote, unquote, urlsplit

import httpx

from whistle_local import ports, waiting
from whistle_local.encryption import Certificates
from whistle_local.errors import StackError
from whistle_local.packages import RabbitInstallation
from whistle_local.state import State, write_private
from whistle_local.supervisor import Program

ADMINISTRATOR = "ctl"
VHOST = "whistle"


def programs(installation: RabbitInstallation, state: State, certificates: Certificates | None = None) -> list[Program]:
    """Writes the node's configuration; returns its port mapper and the node as supervised programs. With
    `certificates` the node speaks TLS only."""
    folder = state.folder / "broker"
    write_private(folder / "rabbitmq.conf", _configuration(state, certificates))
    write_private(folder / "enabled_plugins", "[rabbitmq_management].\n")
    write_private(folder / "home" / ".erlang.cookie", state.secret("cookie"), mode=0o400)
    environment = {**installation.environment, **_environment(state)}
    return [
        Program("epmd", [str(installation.epmd)], environment),
        Program("broker", [str(installation.server)], environment, stop_seconds=30),
    ]


def given_or_private(state: State, certificates: Certificates | None = None) -> "Broker":
    """The broker of AMQP_URL and RABBITMQ_MANAGEMENT_URL if these are given, else the profile's own."""
    amqp, management = os.environ.get("AMQP_URL"), os.environ.get("RABBITMQ_MANAGEMENT_URL")
    if bool(amqp) != bool(management):
        raise StackError("give AMQP_URL and RABBITMQ_MANAGEMENT_URL together, or neither for a private broker")
    if amqp and management:
        return Broker(amqp, management)
    login = f"{ADMINISTRATOR}:{state.secret('ctl')}@{ports.LOOPBACK}"
    amqp, management = f"{login}:{state.ports['amqp']}", f"{login}:{state.ports['management']}"
    if certificates is None:
        return Broker(f"amqp://{amqp}", f"http://{management}")
    believing = f"?cafile={quote(str(certificates.authority))}"
    return Broker(f"amqps://{amqp}{believing}", f"https://{management}{believing}")


def _configuration(state: State, certificates: Certificates | None) -> str:
    amqp, management = state.port("amqp"), state.port("management")
    listeners = f"""\
listeners.tcp.1 = {ports.LOOPBACK}:{amqp}
management.tcp.ip = {ports.LOOPBACK}
management.tcp.port = {management}
"""
    return f"""\
{listeners if certificates is None else certificates.of_broker(amqp, management)}\
loopback_users.{ADMINISTRATOR} = true
default_user = {ADMINISTRATOR}
default_pass = {state.secret("ctl")}
default_user_tags.administrator = true
disk_free_limit.absolute = 200MB
# The figures of the management API are at most a second old.
collect_statistics_interval = 1000
log.console = true
log.console.level = info
log.file = false
"""


def _environment(state: State) -> dict[str, str]:
    folder = state.folder / "broker"
    return {
        "HOME": str(folder / "home"),
        "ERL_EPMD_ADDRESS": ports.LOOPBACK,
        "ERL_EPMD_PORT": str(state.port("epmd")),
        "ERL_CRASH_DUMP": str(folder / "erl_crash.dump"),
        "RABBITMQ_NODENAME": state.node,
        "RABBITMQ_DIST_PORT": str(state.port("distribution")),
        # +fnl: file names are bytes; read as characters, a Chinese one in the path breaks RabbitMQ's start.
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+fnl -kernel inet_dist_use_interface {127,0,0,1}",
        # Names of files that do not exist, so that none of the system's is read.
        "RABBITMQ_CONF_ENV_FILE": str(folder / "no-rabbitmq-env.conf"),
        "RABBITMQ_ADVANCED_CONFIG_FILE": str(folder / "no-advanced.config"),
        "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
        "RABBITMQ_GENERATED_CONFIG_DIR": str(folder / "generated"),
        "RABBITMQ_MNESIA_BASE": str(folder / "data"),
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_LOGS": "-",
        # Makes the script become the Erlang machine instead of its parent: signals and the pid are the node's.
        "RUNNING_UNDER_SYSTEMD": "true",
    }


class Broker:
    """A broker as its administrator; to be entered with `with` before it is called.

    Both addresses carry the login, or the second takes that of the first. `?cafile=` names the authority that is
    believed where they are encrypted.
    """

    def __init__(self, amqp_url: str, management_url: str) -> None:
        self._amqp = urlsplit(amqp_url)
        management = urlsplit(management_url)
        login = management if management.username else self._amqp
        user, password = unquote(login.username or "guest"), unquote(login.password or "guest")
        place = f"{management.netloc.rpartition('@')[2]}{management.path.rstrip('/')}"
        query = f"?{management.query}" if management.query else ""
        self.management_url = f"{management.scheme}://{_login(user, password)}@{place}{query}"
        authority = parse_qs(management.query).get("cafile", [None])[0]
        self._verify = ssl.create_default_context(cafile=authority)
        self.admin_url = self.url(unquote(self._amqp.username or "guest"), unquote(self._amqp.password or "guest"))
        self._login = (user, password)
        self._address = f"{management.scheme}://{place}/api"

    def __enter__(self) -> Self:
        self._api = httpx.Client(
            base_url=self._address, auth=self._login, timeout=30, trust_env=False, verify=self._verify
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._api.close()

    def url(self, user: str, password: str) -> str:
        """The AMQP address of the vhost for that user."""
        place = self._amqp.netloc.rpartition("@")[2]
        query = f"?{self._amqp.query}" if self._amqp.query else ""
        return f"{self._amqp.scheme}://{_login(user, password)}@{place}/{VHOST}{query}"

    def wait_ready(self, seconds: float) -> None:
        """Returns when the node accepts AMQP connections; raises StackError after so many seconds."""
        port = self._amqp.port or (5671 if self._amqp.scheme == "amqps" else 5672)
        path = f"/health/checks/port-listener/{port}"
        waiting.until(lambda: self._answers(path), seconds, lambda: f"RabbitMQ was not ready within {seconds:.0f} s")

    def create(self, mark: str) -> None:
        """Creates the vhost if missing, described by the mark, and gives the administrator all rights in it."""
        if self._api.get(f"/vhosts/{VHOST}").status_code == httpx.codes.NOT_FOUND:
            self._call("PUT", f"/vhosts/{VHOST}", {"description": mark})
        everything = {"configure": ".*", "write": ".*", "read": ".*"}
        self._call("PUT", f"/permissions/{VHOST}/{quote(self._login[0], safe='')}", everything)

    def drop(self, mark: str) -> None:
        """Deletes the vhost with all it holds. Raises StackError if it was not created with this mark."""
        answer = self._api.get(f"/vhosts/{VHOST}")
        if answer.status_code == httpx.codes.NOT_FOUND:
            return
        if answer.json().get("description") != mark:
            raise StackError(f"the vhost {VHOST} on the given broker was not made by this profile: delete it first")
        self._call("DELETE", f"/vhosts/{VHOST}")

    def _answers(self, path: str) -> bool:
        try:
            return self._api.get(path).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    def _call(self, method: str, path: str, body: Mapping[str, str] | None = None) -> None:
        answer = self._api.request(method, path, json=body)
        if answer.is_error:
            raise StackError(f"RabbitMQ refused {method} {path}: {answer.status_code} {answer.text}")


def _login(user: str, password: str) -> str:
    return f"{quote(user, safe='')}:{quote(password, safe='')}"
