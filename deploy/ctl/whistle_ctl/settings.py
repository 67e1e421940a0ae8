"""The environment of a command: that of the process the command is about, and three addresses of the operator's.

Nothing is required until a command needs it, so that each command can name exactly what it lacks.
"""

from pathlib import Path

from pydantic import AliasChoices, Field, ValidationError

from whistle_ctl.errors import Refused
from whistle_shared import runtime

OPERATOR = "ctl"
"""The broker user of whistlectl: the only one whose copies of other services' messages are believed."""


class Settings(runtime.Settings):
    """A service's settings, none of them required, and the operator's own. Addresses carry user and password."""

    database_url: str = ""
    database_owner_url: str = Field("", description="The role that owns the schema; else the service's own is taken")
    amqp_url: str = ""
    keys_file: Path = Path()
    objects_url: str = ""
    vault_url: str = ""
    amqp_admin_url: str = ""
    management_url: str = Field("", validation_alias=AliasChoices("WHISTLE_MANAGEMENT_URL", "RABBITMQ_MANAGEMENT_URL"))
    broker_passwords: str = Field("", description="A JSON object of user and password, or the path of such a file")

    def need(self, name: str) -> str:
        """The setting of that name. Raises Refused when it is not set."""
        value = str(getattr(self, name))
        if not value:
            raise Refused(f"WHISTLE_{name.upper()} is not set; set it, or name a file that does with --env-file")
        return value


def current() -> Settings:
    """The settings that the environment gives. Raises Refused for a value that cannot be."""
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise Refused(f"WHISTLE_{str(first['loc'][0]).upper()}: {first['msg']}") from None


def read_env_file(file: Path) -> dict[str, str]:
    """Lines `KEY=value`; what follows the sign is taken as it is. Raises Refused for any other line."""
    try:
        lines = file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"{file} cannot be read: {error}") from None
    pairs: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        key, sign, value = line.partition("=")
        if not sign or not key.strip():
            raise Refused(f"{file}:{number}: is not KEY=value")
        pairs[key.strip()] = value.strip()
    return pairs
