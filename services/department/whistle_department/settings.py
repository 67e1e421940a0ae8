"""What a department instance is told beyond everybody's settings."""

from pydantic import Field

from whistle_shared import runtime


class Settings(runtime.Settings):
    """`instance` (`hosted`, `ga`…) names this running service; the registry says whom it serves."""

    instance: str = Field(pattern=r"^[a-z][a-z0-9_]{0,30}$")
