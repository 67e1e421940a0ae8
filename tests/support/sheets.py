"""Templates as a service has them, without the service: for tests of view models and of what they show."""

from functools import cache
from pathlib import Path

from support.places import ENTRANCE, package
from whistle_shared import pages
from whistle_shared.pages import Templates
from whistle_shared.pages.assets import Assets


@cache
def escalation_templates() -> Templates:
    """Those of escalation's pages."""
    return Templates(package("escalation"), ENTRANCE, Path(pages.__file__).parent, assets=Assets())
