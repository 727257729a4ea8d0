"""The flags that verbs share, and how a verb gets its context. Every flag's help names its environment variable."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from tenfold.context import Context

_F = TypeVar("_F", bound=Callable[..., object])

pass_context = click.make_pass_decorator(Context)


def flag(*names: str, envvar: str, **settings: Any) -> Callable[[_F], _F]:  # Any: click's own keyword arguments
    """A click option whose help names its environment variable."""
    return click.option(*names, envvar=envvar, show_envvar=True, **settings)


def json_option(function: _F) -> _F:
    """Add ``--json`` as ``as_json``: one JSON document on stdout and nothing else."""
    return flag("--json", "as_json", envvar="TENFOLD_JSON", is_flag=True, help="Print one JSON document.")(function)


def home_option(function: _F) -> _F:
    """Add ``--home`` after the verb; the context gets it, the verb does not."""
    # click's own envvar would make TENFOLD_HOME win over `tenfold --home DIR verb`; the settings read it instead.
    return click.option(
        "--home",
        type=click.Path(file_okay=False, path_type=Path),
        expose_value=False,
        callback=_use_home,
        help="Folder of the embedded database, artifacts and logs.  [env var: TENFOLD_HOME]",
    )(function)


def study_argument(function: _F) -> _F:
    """Add the argument NAME: a stored study's name."""
    return click.argument("name", metavar="NAME")(function)


def _use_home(ctx: click.Context, _parameter: click.Parameter, home: Path | None) -> None:
    if home is not None and not ctx.resilient_parsing:
        ctx.ensure_object(Context).use_home(home)
