"""Everything about one trial on one page: what was tried, what came of each fold, where it ran, why it failed."""

from collections.abc import Mapping, Sequence

from tenfold.report.paint import PLAIN, Paint
from tenfold.report.shapes import first_scores
from tenfold.report.tables import Column, fact_lines, text_table
from tenfold.report.wording import FAILURE_WORDS, score_text, seconds_text, spread_text, value_text
from tenfold_common.domain.records import AttemptRecord, StudyRecord, TrialRecord
from tenfold_common.domain.trial import FoldResult
from tenfold_common.domain.words import Json

_SHORT = 12  # digits of a hash that tell it apart on a page


def trial_page(
    study: StudyRecord,
    trial: TrialRecord,
    attempts: Sequence[AttemptRecord],
    machines: Mapping[str, Mapping[str, Json]],
    *,
    paint: Paint = PLAIN,
    width: int | None = None,
) -> str:
    """The page of one trial.

    Args:
        study: The study.
        trial: The trial.
        attempts: All its attempts.
        machines: Facts behind the fingerprints that occur.
        paint: How to make text stand out.
        width: Columns of the reader's terminal; None for a pipe.
    """
    parameters = fact_lines(
        [(name, value_text(value)) for name, value in trial.params.items()], indent=2, width=width
    )
    title = f"{paint.strong(f'{study.name} trial {trial.number}')} {paint.state(str(trial.state))}"
    parts = [
        f"{title}\n{_facts(study, trial, width)}",
        f"{paint.strong('parameters')}\n{parameters}",
        _folds(study, trial, paint),
        _warnings(trial, paint, width),
        _attempts(attempts, paint, width),
        _machines(machines, paint, width),
        _failure(trial, paint),
    ]
    return "\n\n".join(part for part in parts if part)


def _facts(study: StudyRecord, trial: TrialRecord, width: int | None) -> str:
    facts = [("seed", str(trial.seed))]
    if trial.score is not None:
        facts.insert(0, (study.facts.metrics[0], spread_text(first_scores(study, trial))))
    if study.facts.learns:
        facts.append(
            ("suggested after", f"{trial.conditioned_on} results (lag {trial.number - trial.conditioned_on})")
        )
    if trial.seconds is not None:
        facts.append(("work", seconds_text(trial.seconds)))
    return fact_lines(facts, indent=2, width=width)


def _folds(study: StudyRecord, trial: TrialRecord, paint: Paint) -> str:
    if not trial.folds:
        return ""
    metrics = study.facts.metrics
    columns = [
        Column("fold", right=True),
        *(Column(metric, right=True) for metric in metrics),
        Column("train", right=True),
        Column("validation", right=True),
        Column("fit", right=True),
        Column("score", right=True),
    ]
    rows = [_fold_row(fold, metrics) for fold in trial.folds]
    return text_table(columns, rows, paint=paint)


def _fold_row(fold: FoldResult, metrics: Sequence[str]) -> list[str]:
    return [
        str(fold.fold),
        *(score_text(fold.scores.get(metric)) for metric in metrics),
        str(fold.train_rows),
        str(fold.validation_rows),
        seconds_text(fold.fit_s),
        seconds_text(fold.score_s),
    ]


def _warnings(trial: TrialRecord, paint: Paint, width: int | None) -> str:
    folds: dict[str, list[str]] = {}
    for fold in trial.folds:
        for warning in fold.warnings:
            folds.setdefault(warning, []).append(str(fold.fold))
    if not folds:
        return ""
    lines = [(f"fold {', '.join(numbers)}", warning) for warning, numbers in folds.items()]
    return f"{paint.careful('warnings')}\n{fact_lines(lines, indent=2, width=width)}"


def _attempts(attempts: Sequence[AttemptRecord], paint: Paint, width: int | None) -> str:
    if not attempts:
        return ""
    columns = [
        Column("attempt"),
        Column("state", style=paint.state),
        Column("time", right=True),
        Column("worker"),
        Column("machine"),
        Column("note"),
    ]
    return text_table(columns, [_attempt_row(attempt) for attempt in attempts], width=width, paint=paint)


def _attempt_row(attempt: AttemptRecord) -> list[str]:
    key = attempt.key
    note = "" if attempt.counts else "does not count (the broker restarted)"
    if attempt.failure is not None:
        note = f"{FAILURE_WORDS[attempt.failure.kind]}: {attempt.failure.message}"
    return [
        str(key.attempt) if key.part == 0 else f"{key.attempt} (part {key.part})",
        str(attempt.state),
        seconds_text(attempt.seconds),
        attempt.worker or "-",
        (attempt.fingerprint or "-")[:_SHORT],
        note,
    ]


def _machines(machines: Mapping[str, Mapping[str, Json]], paint: Paint, width: int | None) -> str:
    pages = [
        f"{paint.strong(f'machine {fingerprint[:_SHORT]}')}\n{fact_lines(_flat(facts), indent=2, width=width)}"
        for fingerprint, facts in machines.items()
    ]
    return "\n\n".join(pages)


def _flat(facts: Mapping[str, Json], prefix: str = "") -> list[tuple[str, str]]:
    lines: list[tuple[str, str]] = []
    for name, value in facts.items():
        if isinstance(value, dict):
            lines += _flat(value, f"{prefix}{name}.")
        elif isinstance(value, list) and all(isinstance(item, (str, int, float)) for item in value):
            lines.append((f"{prefix}{name}", ", ".join(str(item) for item in value)))
        else:
            lines.append((f"{prefix}{name}", value_text(value)))
    return lines


def _failure(trial: TrialRecord, paint: Paint) -> str:
    failure = trial.failure
    if failure is None:
        return ""
    fold = "" if failure.fold is None else f" in fold {failure.fold}"
    head = f"{FAILURE_WORDS[failure.kind]}{fold}: {failure.message}"
    return paint.bad(head) + (f"\n\n{failure.traceback.rstrip()}" if failure.traceback.strip() else "")
