"""Run the service: `python -m whistle_escalation`."""

from whistle_escalation.app import build
from whistle_escalation.settings import Settings
from whistle_shared.runtime import run_process

if __name__ == "__main__":
    run_process(lambda: build(Settings()))
