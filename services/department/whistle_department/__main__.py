"""Run the service: `python -m whistle_department`."""

from whistle_department.app import build
from whistle_department.settings import Settings
from whistle_shared.runtime import run_process

if __name__ == "__main__":
    run_process(lambda: build(Settings()))
