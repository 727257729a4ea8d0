"""Which search strategies there are, and how each is found by its name.

The built-in ones are imported by name, without looking at any other package. Plug-ins are found in the entry point
group ``tenfold.strategies``; a plug-in can add a name but never replace a built-in one.
"""

from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Final

from tenfold_common.errors import MisuseError, NotFoundError
from tenfold_scheduler.strategies import Strategy

GROUP: Final = "tenfold.strategies"

_HERE: Final = "tenfold_scheduler.strategies"
BUILT_IN: Final = {
    "grid": f"{_HERE}.grid:GridStrategy",
    "random": f"{_HERE}.random:RandomStrategy",
    "sobol": f"{_HERE}.sobol:SobolStrategy",
    "bayesian": f"{_HERE}.bayesian:BayesianStrategy",
    "skopt-gp": f"{_HERE}.skopt:SkoptGaussianProcess",
    "skopt-forest": f"{_HERE}.skopt:SkoptForest",
    "skopt-extra-trees": f"{_HERE}.skopt:SkoptExtraTrees",
}
"""Name -> class path; the same as in pyproject.toml, which a test checks."""


def strategy_names() -> tuple[str, ...]:
    """Every strategy a study file may name: the built-in ones first, then plug-ins by name."""
    return (*BUILT_IN, *sorted({plug_in.name for plug_in in _plug_ins()}))


def load_strategy(name: str) -> Strategy:
    """The strategy of that name, ready to be asked.

    Raises:
        NotFoundError: If there is none, naming the nearest.
        MisuseError: If it is a plug-in that cannot be loaded or is no strategy.
    """
    path = BUILT_IN.get(name)
    if path is not None:
        module, _, attribute = path.partition(":")
        return _instance(name, path, getattr(import_module(module), attribute))
    plug_in = next((found for found in _plug_ins() if found.name == name), None)
    if plug_in is None:
        raise NotFoundError("strategy", name, strategy_names())
    return _instance(name, plug_in.value, _loaded(plug_in))


def _plug_ins() -> Iterator[EntryPoint]:
    return (found for found in entry_points(group=GROUP) if found.name not in BUILT_IN)


def _loaded(plug_in: EntryPoint) -> object:
    try:
        return plug_in.load()
    except Exception as error:  # whatever somebody else's module raises at import, a person reads it
        raise MisuseError(
            f"the strategy {plug_in.name!r} is registered as {plug_in.value!r}, which cannot be imported "
            f"({type(error).__name__}: {error}); repair or uninstall the package that provides it"
        ) from error


def _instance(name: str, path: str, loaded: object) -> Strategy:
    try:
        built = loaded() if isinstance(loaded, type) else loaded
    except Exception as error:  # a plug-in's constructor can raise anything
        reason = f"{type(error).__name__}: {error}"
        raise MisuseError(f"the strategy {name!r} ({path}) cannot be built ({reason}); repair its package") from error
    if not isinstance(built, Strategy):
        raise MisuseError(
            f"the strategy {name!r} ({path}) lacks one of learns, problems and suggest; "
            "see tenfold_scheduler.strategies.Strategy for what a strategy must have"
        )
    return built
