"""What every service is told by its environment (prefix `WHISTLE_`)."""

from pathlib import Path

from pydantic import AwareDatetime, Field, PositiveFloat
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Settings of one process. Times are ISO 8601 with an offset; see EVENTS.md R3 for the four that set time."""

    model_config = SettingsConfigDict(env_prefix="WHISTLE_", frozen=True)

    database_url: str
    amqp_url: str
    host: str = "127.0.0.1"
    port: int = Field(0, ge=0, le=65535)
    log_level: str = "INFO"
    keys_file: Path = Field(description="The process's own keys, one a line, the newest first")
    objects_url: str = Field(description="Where photos and files are kept: file:///… or s3://bucket/prefix")
    vault_url: str = Field(description="Where the keys of residents' data are kept, apart from any backup of the data")
    trusted_proxies: str = Field("", description="Addresses whose X-Forwarded-For is believed, with commas between")
    pool_size: int = Field(8, ge=2, le=100)
    time_anchor_business: AwareDatetime | None = None
    time_anchor_wall: AwareDatetime | None = None
    time_rate: PositiveFloat = 1.0
    time_until: AwareDatetime | None = None
    grace_seconds: float = Field(2.0, ge=0, description="Technical seconds between a due time and its firing")
