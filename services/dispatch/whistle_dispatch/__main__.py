"""Run the service: `python -m whistle_dispatch`."""

from whistle_dispatch.app import build
from whistle_dispatch.settings import Settings
from whistle_shared.runtime import run_process

if __name__ == "__main__":
    run_process(lambda: build(Settings()))
