"""How long a suggestion takes: every strategy at 50, 200 and 1,000 observations of an eight-dimensional mixed space.

Each figure is the mean over successive suggestions, one more result known to each, so that refits come as often as
they do in a study. Optuna's samplers are measured beside ours if Optuna is installed (it is no dependency).

    python benchmarks/suggest.py                     # strategies that answer in less than a second
    python benchmarks/suggest.py --strategies skopt-gp skopt-forest --observations 50 200
"""

import argparse
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

# The scheduler's own environment: one thread for linear algebra. Before NumPy is imported.
os.environ.update({"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"})

import numpy as np

from tenfold_common.domain.distributions import FloatRange, IntRange, Options
from tenfold_common.domain.space import Parameter, Space
from tenfold_common.domain.trial import Observation
from tenfold_common.domain.words import Direction, Params
from tenfold_scheduler.strategies import SuggestRequest
from tenfold_scheduler.strategies.registry import BUILT_IN, load_strategy

PACKAGES = ("tenfold", "numpy", "scipy", "scikit-learn", "scikit-optimize", "optuna")
QUICK = ("random", "sobol", "bayesian")
PENDING = 7

SPACE = Space(
    [
        Parameter(name="C", distribution=FloatRange(low=1e-3, high=1e3, log=True)),
        Parameter(name="gamma", distribution=FloatRange(low=1e-5, high=1e1, log=True)),
        Parameter(name="kernel", distribution=Options(values=("rbf", "poly", "sigmoid"))),
        Parameter(name="degree", distribution=IntRange(low=2, high=5), when={"kernel": ("poly",)}),
        Parameter(name="coef0", distribution=FloatRange(low=0.0, high=1.0), when={"kernel": ("poly", "sigmoid")}),
        Parameter(name="components", distribution=IntRange(low=2, high=64, log=True)),
        Parameter(name="whiten", distribution=Options(values=(True, False))),
        Parameter(name="tol", distribution=FloatRange(low=1e-5, high=1e-1, log=True)),
    ]
)


def main() -> None:
    options = _options()
    print(f"Python {platform.python_version()}, {_processor()}, one BLAS thread")
    print(", ".join(f"{name} {found}" for name in PACKAGES if (found := _version(name))))
    print(f"{'':20}{'observations':>13}{'mean ms':>10}{'median ms':>11}{'longest ms':>12}{'CPU ms':>9}")
    for name in options.strategies:
        for count in options.observations:
            _report(name, count, _strategy_asker(name, count), options.suggestions)
    for name in _optuna_samplers():
        for count in options.observations:
            _report(name, count, _optuna_asker(name, count), options.suggestions)


def _optuna_samplers() -> list[str]:
    """Optuna's Gaussian process needs torch besides."""
    if not _version("optuna"):
        return []
    return ["optuna-tpe", "optuna-gp"] if _version("torch") else ["optuna-tpe"]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--strategies", nargs="+", choices=sorted(BUILT_IN), default=list(QUICK))
    parser.add_argument("--observations", nargs="+", type=int, default=[50, 200, 1000])
    parser.add_argument("--suggestions", type=int, default=20, help="how many to time for each figure")
    return parser.parse_args()


def _report(name: str, count: int, ask: Callable[[int], object], suggestions: int) -> None:
    ask(0)  # imports and the fit that is in force when the measurement begins
    wall, cpu = [], []
    for step in range(1, suggestions + 1):
        began, began_cpu = time.perf_counter(), time.process_time()
        ask(step)
        wall.append(1e3 * (time.perf_counter() - began))
        cpu.append(1e3 * (time.process_time() - began_cpu))
    figures = f"{np.mean(wall):10.1f}{np.median(wall):11.1f}{np.max(wall):12.1f}{np.mean(cpu):9.1f}"
    print(f"{name:20}{count:13}{figures}", flush=True)


def _strategy_asker(name: str, count: int) -> Callable[[int], object]:
    strategy, observations = load_strategy(name), tuple(_observations(count + 200))

    def ask(step: int) -> Params | None:
        known = count + step
        return strategy.suggest(
            SuggestRequest(
                space=SPACE,
                seed=0,
                number=known + PENDING,
                observations=observations[:known],
                pending=tuple(one.params for one in observations[known : known + PENDING]),
                direction=Direction.MAXIMIZE,
            )
        )

    return ask


def _observations(count: int) -> Iterator[Observation]:
    random = np.random.default_rng(0)
    for number in range(count):
        units = random.random(len(SPACE))
        # Half of the points near the optimum, as in a study that has begun to converge.
        near = np.clip(0.4 + (units - 0.5) * 0.3, 0.0, 1.0) if number % 2 else units
        folds = tuple((-float(np.sum((near - 0.4) ** 2)) + random.normal(0.0, 0.02, 5)).tolist())
        params = SPACE.from_units(near.tolist())
        yield Observation(number=number, params=params, score=sum(folds) / 5, fold_scores=folds)


def _optuna_asker(name: str, count: int) -> Callable[[int], object]:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sampler = optuna.samplers.TPESampler(seed=0) if name == "optuna-tpe" else optuna.samplers.GPSampler(seed=0)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    observations = list(_observations(count + 200))
    # Conditional parameters are asked for one by one in Optuna; it gets the six that are always active.
    names = [p.name for p in SPACE.parameters if not p.when]
    distributions = {name: _optuna_distribution(SPACE[name]) for name in names}

    def tell(one: Observation) -> None:
        params = {name: one.params[name] for name in names}
        study.add_trial(optuna.trial.create_trial(params=params, distributions=distributions, value=one.score))

    for one in observations[:count]:
        tell(one)

    def ask(step: int) -> object:
        tell(observations[count + step])
        return study.ask(distributions).params

    return ask


def _optuna_distribution(parameter: Parameter) -> object:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    match parameter.distribution:
        case FloatRange(low=low, high=high, log=log):
            return FloatDistribution(low, high, log=log)
        case IntRange(low=low, high=high, log=log):
            return IntDistribution(low, high, log=log)
        case Options(values=values):
            return CategoricalDistribution(values)
    raise AssertionError(f"{parameter} is not part of this benchmark")


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


if __name__ == "__main__":
    sys.exit(main())
