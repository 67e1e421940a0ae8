"""intake needs no settings beyond everybody's."""

from whistle_shared.runtime import Settings

__all__ = ["Settings"]
