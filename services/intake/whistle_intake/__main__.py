"""Run the service: `python -m whistle_intake`."""

from whistle_intake.app import build
from whistle_intake.settings import Settings
from whistle_shared.runtime import run_process

if __name__ == "__main__":
    run_process(lambda: build(Settings()))
