"""What escalation is told beside what every service is."""

from pydantic import Field

from whistle_shared.runtime import Settings as Everybodys


class Settings(Everybodys):
    """The settings of escalation."""

    notices_contact: str = Field(
        "mailto:whistle@localhost",
        pattern=r"^(mailto:|https://)[!-~]+$",
        description="Whom a browser's push service may write to about our messages: mailto: or https:",
    )


__all__ = ["Settings"]
