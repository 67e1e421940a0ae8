"""intake's settings: everybody's, and how long what is a resident's own is kept."""

from datetime import timedelta

from pydantic import Field

from whistle_shared import runtime


class Settings(runtime.Settings):
    """Days are counted in business time from the end of the matter: handled, declined, closed or withdrawn."""

    contact_kept_days: int = Field(180, ge=0, le=36_500, description="Name and number of whoever reported")
    report_kept_days: int = Field(3 * 365, ge=0, le=36_500, description="What they wrote, and their photos")

    @property
    def contact_kept(self) -> timedelta:
        return timedelta(days=self.contact_kept_days)

    @property
    def words_kept(self) -> timedelta:
        return timedelta(days=self.report_kept_days)
