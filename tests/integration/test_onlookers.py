"""Tests that look at processes must not fail because one of them is just ending."""

import subprocess
import sys
from pathlib import Path

import psutil

from tests.onlookers import command_line, leftovers, processes_of


def test_a_zombie_and_a_vanished_process_are_simply_not_there(tmp_path: Path) -> None:
    """A child that has ended and was not waited for raises in psutil, here it is nothing."""
    child = subprocess.Popen([sys.executable, "-c", "pass", str(tmp_path)], stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.read()  # ends when the child does
    process = psutil.Process(child.pid)
    while process.status() != psutil.STATUS_ZOMBIE:
        pass
    assert command_line(process) == ""
    assert leftovers(tmp_path, tmp_path) == []
    child.wait()
    child.stdout.close()
    assert command_line(process) == ""


def test_a_living_process_that_names_the_folder_is_found(tmp_path: Path) -> None:
    """By its command line."""
    command = [sys.executable, "-c", "import sys; sys.stdin.read()", str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as child:
        assert [process.pid for process in processes_of(tmp_path / "home", tmp_path)] == [child.pid]
        assert child.stdin is not None
        child.stdin.close()
