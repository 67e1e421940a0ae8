"""Templates and words as a service has them, without the service: for tests of view models and of what they show."""

from functools import cache
from gettext import NullTranslations
from pathlib import Path

from support.places import ENTRANCE, package
from whistle_shared import pages
from whistle_shared.pages import Language, Templates, Words
from whistle_shared.pages.assets import Assets
from whistle_shared.registry import Registry


@cache
def templates(service: str) -> Templates:
    """Those of a service's pages."""
    return Templates(package(service), ENTRANCE, Path(pages.__file__).parent, assets=Assets())


def words(language: Language = "zh", registry: Registry | None = None, service: str = "") -> Words:
    """What is said about this registry, with a service's texts; without one, in Chinese whatever the language."""
    return Words(language, templates(service).texts[language] if service else NullTranslations(), registry)
