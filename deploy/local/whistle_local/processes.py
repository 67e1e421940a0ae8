"""Finds and ends the processes of one stack, also those whose parent died.

Every process of a stack inherits the variable WHISTLE_STACK from the supervisor: the path of its state folder.
INVARIANT: a process without this stack's mark in its environment is never signalled.
"""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import psutil

from whistle_local import waiting

MARK = "WHISTLE_STACK"


def of_stack(folder: Path) -> list[psutil.Process]:
    """All living processes that carry this stack's mark, this process and its ancestors excepted."""
    spared = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    return [process for process in psutil.process_iter() if process.pid not in spared and _marked(process, folder)]


def tree(pid: int) -> list[psutil.Process]:
    """The process and all its descendants, parents first; empty if it is gone."""
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def kill(victims: Iterable[psutil.Process]) -> None:
    """SIGKILL to each; returns when all are dead, which a parent may still have to notice."""
    killed = list(victims)
    for process in killed:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    waiting.until(lambda: all(map(_is_dead, killed)), 10, lambda: f"these processes survive SIGKILL: {killed}")


def _is_dead(process: psutil.Process) -> bool:
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def _marked(process: psutil.Process, folder: Path) -> bool:
    try:
        return process.environ().get(MARK) == str(folder)
    except (psutil.Error, OSError):
        return False
