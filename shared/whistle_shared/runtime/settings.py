"""What every service is told by its environment (prefix `WHISTLE_`)."""

from pathlib import Path

from pydantic import AwareDatetime, Field, PositiveFloat, PositiveInt, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from whistle_shared.web import BudgetName


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
    sites: dict[str, str] = Field(
        default_factory=dict, description='Where the pages of each service are found: {"intake": "https://…"}'
    )
    trusted_proxies: str = Field("", description="Addresses whose X-Forwarded-For is believed, with commas between")
    outgoing_allowed: str = Field("", description="Hosts that may be called: see docs/operations.md")
    outgoing_authorities: Path | None = Field(None, description="PEM: whose certificates are believed by these calls")
    oidc_issuer: str = Field("", description="Single sign-on by OpenID Connect: the provider; empty: there is none")
    oidc_client_id: str = ""
    oidc_client_secret_file: Path | None = Field(None, description="Absent: a public client, protected by PKCE alone")
    oidc_asks: str = Field("openid profile", description="Scopes of OAuth that are asked for, with spaces between")
    oidc_roles: dict[str, str] = Field(
        default_factory=dict, description='Value of the role claim → role: {"duty": "handler", "it": "administrator@*"}'
    )
    oidc_role_claim: str = "groups"
    oidc_scope_claim: str = "whistle_scope"
    oidc_part_claim: str = "whistle_part"
    oidc_second_factor: frozenset[str] = Field(
        frozenset({"mfa"}), description="Values of amr or acr that show a second factor"
    )
    audit_kept_days: int = Field(1096, ge=180, description="Days; the law asks for six months at least")
    local_accounts: bool = Field(True, description="Whether people sign in with a password of this service's")
    pool_size: int = Field(8, ge=2, le=100)
    time_anchor_business: AwareDatetime | None = None
    time_anchor_wall: AwareDatetime | None = None
    time_rate: PositiveFloat = 1.0
    time_until: AwareDatetime | None = None
    limits: dict[BudgetName, PositiveInt] = Field(
        default_factory=dict, description='Requests a minute by budget, where the usual is not wanted: {"caller": 6000}'
    )
    limit_requests: int = Field(200, ge=1, description="Ordinary requests at work at once")
    limit_reserve: int = Field(50, ge=1, description="Beside them, emergencies only")
    limit_connections: int = Field(500, ge=8, description="Open connections; those at rest give way to new ones")
    metrics_token: SecretStr = Field(SecretStr(""), description="Opens /metrics from other machines")
    grace_seconds: float = Field(2.0, ge=0, description="Technical seconds between a due time and its firing")
