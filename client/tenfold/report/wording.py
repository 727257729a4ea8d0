"""How numbers, durations, parameters and reasons are written for people. Pure text; never a decision."""

from collections.abc import Mapping, Sequence
from math import fsum, sqrt

from tenfold_common.domain.canonical import canonical_json
from tenfold_common.domain.records import StudyRecord
from tenfold_common.domain.words import FailureKind, Json, StopReason, StudyState

FAILURE_WORDS: Mapping[FailureKind, str] = {
    FailureKind.EXCEPTION: "exception",
    FailureKind.INVALID_SCORE: "invalid score",
    FailureKind.TIMEOUT: "time-out",
    FailureKind.CRASHED: "crash",
    FailureKind.WORKER_LOST: "worker lost",
}


def seconds_text(seconds: float | None) -> str:
    """A duration as people say it: ``0.42 s``, ``12.3 s``, ``3m 05s``, ``2h 07m``, ``3d 04h``."""
    if seconds is None:
        return "-"
    if seconds < 9.995:
        return f"{seconds:.2f} s"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60}m {whole % 60:02d}s"
    if whole < 86400:
        return f"{whole // 3600}h {whole % 3600 // 60:02d}m"
    return f"{whole // 86400}d {whole % 86400 // 3600:02d}h"


def score_text(score: float | None) -> str:
    """A score to six digits that matter: ``0.987500``, ``-12.3457``, ``1.23457e+08``."""
    if score is None:
        return "-"
    return f"{score:.6f}" if 1e-3 <= abs(score) < 1 or score == 0 else f"{score:#.6g}".rstrip(".")


def value_text(value: Json) -> str:
    """A parameter's value: a bare string, or JSON; floats to nine digits, which is all that suggestions have."""
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return f"{value:.9g}"
    return canonical_json(value)


def params_text(params: Mapping[str, Json]) -> str:
    """A point on one line: ``svc.C=1 svc.kernel=rbf``."""
    return " ".join(f"{name}={value_text(value)}" for name, value in params.items())


def count_text(count: int, noun: str, plural: str = "") -> str:
    """A count with its noun: ``1 trial``, ``3 trials``."""
    return f"{count} {noun if count == 1 else plural or noun + 's'}"


def mean(scores: Sequence[float]) -> float:
    """The mean of some fold scores, added as the trial's own score is."""
    return fsum(scores) / len(scores)


def spread(scores: Sequence[float]) -> float | None:
    """The sample standard deviation (n - 1) of the fold scores; None for fewer than two."""
    if len(scores) < 2:
        return None
    centre = mean(scores)
    return sqrt(fsum((score - centre) ** 2 for score in scores) / (len(scores) - 1))


def spread_text(scores: Sequence[float]) -> str:
    """``0.98 ± 0.01`` of some fold scores; without the spread where there is only one."""
    if not scores:
        return "-"
    deviation = spread(scores)
    centre = score_text(mean(scores))
    return centre if deviation is None else f"{centre} ± {deviation_text(deviation)}"


def deviation_text(deviation: float) -> str:
    """A standard deviation to two digits that matter, never in a longer form than the score's."""
    return f"{deviation:.2g}" if deviation else "0"


def why_text(study: StudyRecord) -> str:
    """Why a study stands where it stands, in words; empty where there is nothing to say."""
    rules = study.stopping
    match study.reason:
        case StopReason.TRIALS:
            return f"all {rules.trials} trials are done"
        case StopReason.TIME:
            return f"its time of {seconds_text(rules.time_s)} is used up"
        case StopReason.TARGET:
            return f"the target of {'-' if rules.target is None else f'{rules.target:g}'} was reached"
        case StopReason.PLATEAU:
            return _plateau_text(study)
        case StopReason.EXHAUSTED:
            return "every point of its search space has been tried"
        case StopReason.MANUAL:
            return study.message or "somebody stopped it"
        case StopReason.ERROR:
            return study.message or "an error stopped it"
        case None:
            return study.message if study.state is StudyState.FAILED else ""


def _plateau_text(study: StudyRecord) -> str:
    plateau = study.stopping.plateau
    if plateau is None:
        return "it did not improve any more"
    by = f" by more than {plateau.min_delta:g}" if plateau.min_delta else ""
    return f"the last {plateau.trials} trials did not improve it{by}"
