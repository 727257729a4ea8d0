"""Strategies are found by name: built-in ones at once, plug-ins by entry point, wrong names with a hint."""

import subprocess
import sys
import tomllib
from collections.abc import Mapping
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from tenfold_common.domain.space import Space
from tenfold_common.domain.words import Json, Params
from tenfold_common.errors import MisuseError, NotFoundError
from tenfold_scheduler.strategies import Strategy, SuggestRequest, registry
from tenfold_scheduler.strategies.registry import BUILT_IN, GROUP, load_strategy, strategy_names

ROOT = Path(__file__).parents[2]


class CountingStrategy:
    """A plug-in as somebody else would write it."""

    learns = False

    def problems(self, space: Space, options: Mapping[str, Json]) -> list[str]:
        """Nothing is ever wrong."""
        return []

    def suggest(self, request: SuggestRequest) -> Params | None:
        """The trial's number."""
        return {"n": request.number}


class NotAStrategy:
    """Has none of the methods."""


class Unbuildable:
    """A strategy whose constructor fails."""

    def __init__(self) -> None:
        raise OSError("no licence found")


def install(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """Make it look as if a package had registered this plug-in."""
    plug_in = EntryPoint(name=name, value=value, group=GROUP)
    monkeypatch.setattr(registry, "entry_points", lambda group: [plug_in] if group == GROUP else [])


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_built_in_strategy_is_one(name: str) -> None:
    """Every built-in name loads an object with learns, problems and suggest."""
    assert isinstance(load_strategy(name), Strategy)


def test_built_in_names_are_those_of_the_package() -> None:
    """The table in the registry is the entry point table of pyproject.toml, in the same order."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert list(project["entry-points"][GROUP].items()) == list(BUILT_IN.items())


def test_the_installed_names_are_listed() -> None:
    """strategy_names() lists the built-in strategies once, first."""
    assert strategy_names()[: len(BUILT_IN)] == tuple(BUILT_IN)
    assert len(set(strategy_names())) == len(strategy_names())


def test_only_those_that_look_at_results_learn() -> None:
    """Grid, random and sobol need no results; the others do."""
    assert {name: load_strategy(name).learns for name in BUILT_IN} == {
        "grid": False,
        "random": False,
        "sobol": False,
        "bayesian": True,
        "skopt-gp": True,
        "skopt-forest": True,
        "skopt-extra-trees": True,
    }


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    """A typing error is met with the name that was meant."""
    with pytest.raises(NotFoundError, match="no strategy named 'baysian'; did you mean 'bayesian'"):
        load_strategy("baysian")


def test_a_plug_in_is_loaded_by_its_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    """A strategy registered by another package is listed and loaded like a built-in one."""
    install(monkeypatch, "counting", f"{__name__}:CountingStrategy")
    assert strategy_names() == (*BUILT_IN, "counting")
    assert isinstance(load_strategy("counting"), CountingStrategy)


def test_a_plug_in_cannot_replace_a_built_in_strategy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Installing a package never changes what an existing study file means."""
    install(monkeypatch, "random", f"{__name__}:CountingStrategy")
    assert not isinstance(load_strategy("random"), CountingStrategy)
    assert strategy_names() == tuple(BUILT_IN)


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ("no_such_module_anywhere:Thing", "cannot be imported .ModuleNotFoundError: .*repair or uninstall"),
        (f"{__name__}:Missing", "cannot be imported .AttributeError"),
        (f"{__name__}:NotAStrategy", "lacks one of learns, problems and suggest"),
        (f"{__name__}:Unbuildable", "cannot be built .OSError: no licence found"),
    ],
)
def test_a_broken_plug_in_is_explained(monkeypatch: pytest.MonkeyPatch, value: str, complaint: str) -> None:
    """Whatever is wrong with a plug-in, the error names it, the reason and what to do."""
    install(monkeypatch, "broken", value)
    with pytest.raises(MisuseError, match=complaint):
        load_strategy("broken")


def test_loading_a_strategy_imports_nothing_heavy() -> None:
    """Loading all built-in strategies leaves NumPy, SciPy and scikit-optimize alone."""
    script = (
        "import sys; from tenfold_scheduler.strategies.registry import BUILT_IN, load_strategy\n"
        "for name in BUILT_IN: load_strategy(name)\n"
        "print(sorted({'numpy', 'scipy', 'sklearn', 'skopt'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
