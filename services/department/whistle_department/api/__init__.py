"""department over HTTP: the tasks of the departments served here, and the four steps on them.

INVARIANT: only a department's own token moves its task; the district and operations may look and no more.
"""

from whistle_department.api.routes import registry_missing, router

__all__ = ["registry_missing", "router"]
