"""What processes cost: CPU seconds and memory, by name, from the operating system."""

from collections.abc import Mapping
from dataclasses import dataclass

import psutil


@dataclass(frozen=True, slots=True)
class Memory:
    """MiB. `rss` counts shared pages in every process; `pss` shares them out (None where the system does not say)."""

    rss: float
    pss: float | None


class Meter:
    """Named processes with all their children. `pids` by name."""

    def __init__(self, pids: Mapping[str, int]) -> None:
        self._processes = {name: psutil.Process(pid) for name, pid in pids.items()}

    def cpu(self) -> dict[str, float]:
        """CPU seconds used so far."""
        return {name: sum(map(_cpu_seconds, _tree(process))) for name, process in self._processes.items()}

    def memory(self) -> dict[str, Memory]:
        """Memory in use now."""
        return {name: _memory(_tree(process)) for name, process in self._processes.items()}


def used(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """CPU seconds between two readings, by name."""
    return {name: after[name] - before[name] for name in after}


def _tree(process: psutil.Process) -> list[psutil.Process]:
    return [process, *process.children(recursive=True)]


def _cpu_seconds(process: psutil.Process) -> float:
    """Its own and that of its children that have ended (PostgreSQL's workers come and go)."""
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    ended = getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
    return float(times.user + times.system + ended)


def _memory(processes: list[psutil.Process]) -> Memory:
    infos = []
    for process in processes:
        try:
            infos.append(process.memory_full_info())
        except psutil.Error:
            continue
    pss = [info.pss for info in infos if hasattr(info, "pss")]
    return Memory(_mib(sum(info.rss for info in infos)), _mib(sum(pss)) if pss else None)


def _mib(size: int) -> float:
    return round(size / 2**20, 1)
