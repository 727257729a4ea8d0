"""What a study would do, before it does it: the plan that ``tenfold check`` prints. Facts in, JSON or text out."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tenfold.report.tables import fact_lines
from tenfold.report.wording import count_text, seconds_text
from tenfold_common.domain.seeds import Stream, integer_seed, trial_seed
from tenfold_common.domain.words import ContentHash, Json

if TYPE_CHECKING:
    from tenfold_common.domain.study_file import ReadStudy
    from tenfold_common.modelling.inspect import Inspection

_MOST_CLASSES: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A checked study and what its strategy makes of it.

    Attributes:
        read: The study file.
        inspection: What was found out about it.
        learns: Whether the strategy's suggestions depend on results.
        lag: How many trials a suggestion may be behind.
        data_hash: Content hash of the data.
        environment: Versions of Python and of the packages that matter.
    """

    read: "ReadStudy"
    inspection: "Inspection"
    learns: bool
    lag: int | None
    data_hash: ContentHash
    environment: Mapping[str, str]

    @property
    def trials(self) -> int | None:
        """Number of trials, where it is known beforehand."""
        counts = [self.inspection.grid_size, self.read.study.stopping_rules().trials]
        return min((count for count in counts if count is not None), default=None)


def plan_shape(plan: Plan) -> dict[str, Json]:
    """The plan as one JSON document."""
    study, found = plan.read.study, plan.inspection
    sizes = _fold_sizes(found)
    stopping = study.stopping_rules()
    return {
        "study": study.name,
        "seed": study.seed,
        "trials": plan.trials,
        "fits": None if plan.trials is None else plan.trials * found.n_folds,
        "grid_size": found.grid_size,
        "strategy": study.search.strategy,
        "learns": plan.learns,
        "lag": plan.lag,
        "parameters": len(study.space()),
        "metrics": list(found.metrics),
        "direction": str(found.direction),
        "task": str(found.task),
        "folds": {
            "kind": str(found.splitter.kind),
            "count": found.n_folds,
            "train_rows": list(sizes[0]),
            "validation_rows": list(sizes[1]),
        },
        "data": {
            "source": study.data.source,
            "rows": found.rows,
            "features": found.features,
            "target": found.target,
            "unseen": list(found.drop),
            "classes": {**found.class_counts},
            "hash": plan.data_hash,
        },
        "seeds": {
            "splits": integer_seed(study.seed, Stream.SPLITS),
            "first_trials": [trial_seed(study.seed, number) for number in range(3)],
        },
        "stopping": {
            "trials": stopping.trials,
            "time_s": stopping.time_s,
            "target": stopping.target,
            "plateau": None if stopping.plateau is None else stopping.plateau.trials,
        },
        "environment": {**plan.environment},
        "warnings": list(found.warnings),
    }


def plan_text(plan: Plan, *, width: int | None = None) -> str:
    """The plan for people.

    Args:
        plan: The plan.
        width: Columns of the reader's terminal; None for a pipe.
    """
    lines = [f"{plan.read.study.name} is a valid study", "", fact_lines(list(_facts(plan)), width=width)]
    if plan.inspection.warnings:
        lines += ["", fact_lines([("warning", sentence) for sentence in plan.inspection.warnings], width=width)]
    return "\n".join(lines)


def _facts(plan: Plan) -> Iterator[tuple[str, str]]:
    study, found = plan.read.study, plan.inspection
    yield "data", f"{study.data.source}: {count_text(found.rows, 'row')}, {count_text(found.features, 'feature')}"
    yield "target", f"{found.target}{_classes_text(found)}"
    if found.drop:
        yield "unseen", f"{', '.join(found.drop)} (not shown to the model)"
    yield "folds", _folds_text(found)
    yield "metric", f"{found.metrics[0]}, {found.direction}d{_others_text(found)}"
    yield "search", _search_text(plan)
    yield "trials", _trials_text(plan)
    yield (
        "seed",
        f"{study.seed}: folds {integer_seed(study.seed, Stream.SPLITS)}, trial 0 {trial_seed(study.seed, 0)}",
    )
    yield "on", ", ".join(f"{name} {version}" for name, version in plan.environment.items())
    yield "data hash", plan.data_hash


def _classes_text(found: "Inspection") -> str:
    counts = sorted(found.class_counts.items(), key=lambda item: -item[1])
    if not counts:
        return ", a number"
    shown = ", ".join(f"{label} {count / found.rows:.1%}" for label, count in counts[:_MOST_CLASSES])
    more = f", and {len(counts) - _MOST_CLASSES} more" if len(counts) > _MOST_CLASSES else ""
    return f", {len(counts)} classes: {shown}{more}"


def _folds_text(found: "Inspection") -> str:
    train, validation = _fold_sizes(found)
    return (
        f"{found.n_folds} {found.splitter.kind}, each {_span(train)} rows to train, {_span(validation)} to validate"
    )


def _others_text(found: "Inspection") -> str:
    return f"; recorded too: {', '.join(found.metrics[1:])}" if len(found.metrics) > 1 else ""


def _search_text(plan: Plan) -> str:
    found = plan.inspection
    text = f"{plan.read.study.search.strategy} over {count_text(len(plan.read.study.space()), 'parameter')}"
    if found.grid_size is not None:
        text += f", {count_text(found.grid_size, 'point')}"
    return f"{text}, each suggestion up to {plan.lag} trials behind" if plan.lag is not None else text


def _trials_text(plan: Plan) -> str:
    rules, folds = plan.read.study.stopping_rules(), plan.inspection.n_folds
    if plan.trials is None:
        text = "as many as there is time for"
    else:
        text = f"{count_text(plan.trials, 'trial')}, {count_text(plan.trials * folds, 'fit')}"
    if rules.time_s is not None:
        text += f"; at most {seconds_text(rules.time_s)}"
    if rules.target is not None:
        text += f"; until {plan.inspection.metrics[0]} reaches {rules.target:g}"
    if rules.plateau is not None:
        text += f"; until {rules.plateau.trials} trials bring no improvement"
    return text


def _fold_sizes(found: "Inspection") -> tuple[tuple[int, int], tuple[int, int]]:
    """Smallest and largest number of rows that a fold trains on and validates on."""
    train = [len(found.splits.train(fold)) for fold in range(found.n_folds)]
    validation = [len(found.splits.validate(fold)) for fold in range(found.n_folds)]
    return (min(train), max(train)), (min(validation), max(validation))


def _span(sizes: tuple[int, int]) -> str:
    return str(sizes[0]) if sizes[0] == sizes[1] else f"{sizes[0]} to {sizes[1]}"
