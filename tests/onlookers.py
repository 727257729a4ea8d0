"""Looking at processes from outside, while they come and go: one that vanishes or is a zombie is simply not there."""

from pathlib import Path

import psutil


def command_line(process: psutil.Process) -> str:
    """A process's command line; empty for one that has gone, or has ended and was not waited for yet."""
    try:
        return " ".join(process.cmdline())
    except (psutil.NoSuchProcess, psutil.AccessDenied):  # a zombie is the former, too
        return ""


def processes_of(home: Path, temporary: Path) -> dict[psutil.Process, str]:
    """Every living process that was told this home, or names this folder, with its command line."""
    lines = {process: command_line(process) for process in psutil.process_iter()}
    # The broker writes its title, which holds the socket's path, over its environment.
    return {one: line for one, line in lines.items() if line and (_was_told(one, home) or str(temporary) in line)}


def leftovers(home: Path, temporary: Path) -> list[str]:
    """What should not be there when no command runs: files of a cluster, and processes."""
    files = [str(path) for path in (*temporary.glob("tenfold-*"), *home.glob("cluster*"))]
    return [*files, *(f"{process.pid} {line}" for process, line in processes_of(home, temporary).items())]


def _was_told(process: psutil.Process, home: Path) -> bool:
    try:
        return process.environ().get("TENFOLD_HOME") == str(home)
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False
