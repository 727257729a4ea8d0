"""Evaluates folds of one trial: fit, score, measure, and turn whatever the model does wrong into a failure.

Runs in the process that may die of it. A fold's result depends on the study's seed, the trial's number, the fold's
number, the parameters and the data: never on which folds ran before it in this process, nor on the time.
"""

import math
import random
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from numbers import Real
from time import perf_counter
from types import TracebackType
from typing import Any, Final, TextIO

from tenfold_common.data.dataset import Dataset
from tenfold_common.domain.seeds import fold_seed
from tenfold_common.domain.spec import EvaluationSpec
from tenfold_common.domain.trial import Failure, FoldResult, Outcome
from tenfold_common.domain.words import FailureKind, Params
from tenfold_common.errors import TenfoldError
from tenfold_common.modelling.estimators import build_estimator
from tenfold_common.modelling.fold_rows import Splits
from tenfold_common.modelling.scoring import resolve_metric, score_all

_MOST_WARNINGS: Final = 20
_LONGEST_LINE: Final = 300
_LONGEST_TRACEBACK: Final = 20_000

# Any in this module: estimators, tables, arrays and scores of any library.


def evaluate_folds(
    spec: EvaluationSpec,
    dataset: Dataset,
    splits: Splits,
    params: Params,
    *,
    study_seed: int,
    trial: int,
    folds: Sequence[int],
    on_fold: Callable[[FoldResult], None],
    on_fold_begins: Callable[[int], None],
) -> Outcome:
    """Evaluate some folds of a trial, ascending; the first that fails ends it.

    Args:
        spec: How to evaluate trials of the study.
        dataset: The study's data.
        splits: The study's folds.
        params: The trial's parameters.
        study_seed: The study's seed.
        trial: The trial's number.
        folds: Which folds to evaluate.
        on_fold: Told of every fold's result as soon as it is there.
        on_fold_begins: Told of every fold's number before anything of it is done.

    Returns:
        The results in fold order, and the failure that ended it, if any. What the model raises is a failure,
        whatever it is; errors of Tenfold itself (data that cannot be read, a listener that fails) are raised.
    """
    features = dataset.features((spec.target, *spec.drop))
    target = dataset.column(spec.target)
    results: list[FoldResult] = []
    for fold in sorted(folds):
        on_fold_begins(fold)
        train, validation = splits.train(fold), splits.validate(fold)
        job = _Fold(
            number=fold,
            seed=fold_seed(study_seed, trial, fold),
            train=(_take(features, train), _take(target, train)),
            validation=(_take(features, validation), _take(target, validation)),
        )
        result = _guarded(spec, params, job)
        if isinstance(result, Failure):
            return Outcome(folds=tuple(results), failure=result)
        results.append(result)
        on_fold(result)
    return Outcome(folds=tuple(results))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fold:
    """One fold's data (features and target of both sides) and seed."""

    number: int
    seed: int
    train: tuple[Any, Any]
    validation: tuple[Any, Any]


@dataclass(slots=True)
class _Heard:
    """Distinct warnings, one line each, the first few of them in the order they came."""

    lines: dict[str, None] = field(default_factory=dict)

    def hear(
        self,
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        """Stand in for ``warnings.showwarning``."""
        del filename, lineno, file, line
        if len(self.lines) < _MOST_WARNINGS:
            self.lines.setdefault(_one_line(category, message))


def _guarded(spec: EvaluationSpec, params: Params, job: _Fold) -> FoldResult | Failure:
    try:
        return _evaluate(spec, params, job)
    except BaseException as error:  # noqa: BLE001  # the edge to the user's model, which may raise anything, exits included
        return Failure(
            kind=FailureKind.EXCEPTION,
            message=_text(error) if isinstance(error, TenfoldError) else _one_line(type(error), error),
            fold=job.number,
            traceback=_traceback_text(error),
        )


def _evaluate(spec: EvaluationSpec, params: Params, job: _Fold) -> FoldResult | Failure:
    with _surroundings() as heard:
        seed_global_generators(job.seed)
        metrics = [resolve_metric(name) for name in spec.metrics]
        estimator = build_estimator(spec.model, params, job.seed)
        # Building imports the model's modules: those that draw random numbers must not shift what `fit` draws, and
        # threads can be limited, and torch seeded, only in libraries that are loaded.
        seed_global_generators(job.seed)
        with _limited_threads(spec.threads):
            began = perf_counter()
            estimator.fit(*job.train)
            fitted = perf_counter()
            scores = score_all(metrics, estimator, *job.validation)
            scored = perf_counter()
    return _invalid(scores, job.number) or FoldResult(
        fold=job.number,
        scores={name: _finite(score) for name, score in scores.items()},
        fit_s=fitted - began,
        score_s=scored - fitted,
        train_rows=len(job.train[1]),
        validation_rows=len(job.validation[1]),
        warnings=tuple(heard.lines),
    )


@contextmanager
def _surroundings() -> Iterator[_Heard]:
    """Listen to warnings, and undo afterwards what a model may change about them and about floating-point errors."""
    import numpy as np

    heard = _Heard()
    with ExitStack() as stack:
        stack.enter_context(warnings.catch_warnings())
        stack.enter_context(np.errstate())
        # "always": with "default" a warning would be told to the first trial of a process only.
        warnings.simplefilter("always")
        warnings.showwarning = heard.hear
        yield heard


@contextmanager
def _limited_threads(threads: int) -> Iterator[None]:
    from threadpoolctl import threadpool_limits

    with threadpool_limits(threads):
        yield


def seed_global_generators(seed: int) -> None:
    """Seed Python's and NumPy's global generators, and torch's if it is loaded.

    Args:
        seed: From 0 to 2**32 - 1.
    """
    import numpy as np

    random.seed(seed)
    np.random.seed(seed)  # models that use the legacy global generator must be repeatable too
    torch: Any = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "manual_seed"):  # absent while torch is being imported
        torch.manual_seed(seed)  # every device's generator
        torch.use_deterministic_algorithms(mode=True, warn_only=True)
        torch.backends.cudnn.benchmark = False


def _take(data: Any, rows: Any) -> Any:
    """The given rows of a table or array; of a memory-mapped one only these are copied."""
    return data.iloc[rows] if hasattr(data, "iloc") else data[rows]


def _invalid(scores: Mapping[str, Any], fold: int) -> Failure | None:
    for name, score in scores.items():
        if not math.isfinite(_finite(score)):
            return Failure(
                kind=FailureKind.INVALID_SCORE,
                message=_cut(f"the metric {name!r} gave {_shown(score)}, which is not a finite number"),
                fold=fold,
                traceback=f"{name} = {_shown(score)} ({type(score).__name__})",
            )
    return None


def _finite(score: Any) -> float:
    """The score as a Python float; NaN for everything that is no real number."""
    try:
        number = score.item() if hasattr(score, "item") else score
        return float(number) if isinstance(number, Real) else math.nan
    except BaseException:  # noqa: BLE001  # a score is any object; one that cannot be converted is no number
        return math.nan


def _shown(value: object) -> str:
    try:
        return _cut(" ".join(repr(value).split()))
    except BaseException:  # noqa: BLE001  # repr is the user's code here
        return f"an unprintable {type(value).__name__}"


def _one_line(kind: type, message: object) -> str:
    text = _text(message)
    return _cut(f"{kind.__name__}: {text}" if text else kind.__name__)


def _text(message: object) -> str:
    try:
        return _cut(" ".join(str(message).split()))
    except BaseException:  # noqa: BLE001  # str is the user's code here
        return f"(a {type(message).__name__} whose text cannot be shown)"


def _cut(line: str) -> str:
    return line if len(line) <= _LONGEST_LINE else line[: _LONGEST_LINE - 1] + "…"


def _traceback_text(error: BaseException) -> str:
    try:
        lines = traceback.format_exception(type(error), error, _beyond_tenfold(error.__traceback__))
        text = "".join(lines)
    except BaseException:  # noqa: BLE001  # formatting calls the user's code, which may fail in any way
        text = _one_line(type(error), error)
    if len(text) > _LONGEST_TRACEBACK:
        half = _LONGEST_TRACEBACK // 2
        text = f"{text[:half]}\n... {len(text) - 2 * half} characters left out ...\n{text[-half:]}"
    return text


def _beyond_tenfold(trace: TracebackType | None) -> TracebackType | None:
    """The traceback from the first frame that is not this module's."""
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    return trace
