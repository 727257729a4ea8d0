"""What a study came to, as a page that a person reads: the result, how sure it is, what failed, what to type next."""

from collections.abc import Sequence

from tenfold.report.paint import PLAIN, Paint
from tenfold.report.shapes import best_trial, metric_scores
from tenfold.report.tables import Column, fact_lines, text_table
from tenfold.report.wording import (
    FAILURE_WORDS,
    count_text,
    deviation_text,
    mean,
    score_text,
    seconds_text,
    spread,
    value_text,
    why_text,
)
from tenfold_common.domain.records import StudyRecord, TrialRecord
from tenfold_common.domain.words import FailureKind, StopReason, StudyState, TrialState


def final_summary(
    study: StudyRecord,
    trials: Sequence[TrialRecord],
    *,
    record: str,
    command: str = "tenfold",
    paint: Paint = PLAIN,
    width: int | None = None,
) -> str:
    """The page at the end of ``run``, and what ``status`` and ``best`` show.

    Args:
        study: The study.
        trials: Its trials, without discarded ones.
        record: Where the record is: the database's path or masked URL.
        command: How to type ``tenfold`` so that it meets this record.
        paint: How to make text stand out.
        width: Columns of the reader's terminal; None for a pipe.
    """
    parts = [
        headline(study, trials, paint=paint),
        best_block(study, trials, paint=paint, width=width),
        failures_block(study, trials, command=command, paint=paint, width=width),
        fact_lines([("record", f"{record}, study {study.name}")], width=width),
        next_block(study, trials, command=command, paint=paint),
    ]
    return "\n\n".join(part for part in parts if part)


def headline(study: StudyRecord, trials: Sequence[TrialRecord], *, paint: Paint = PLAIN) -> str:
    """Two lines: how the study stands and why; how many trials it has and how long they took."""
    why = why_text(study)
    first = f"{paint.strong(study.name)} {paint.state(_standing(study))}{f': {why}' if why else ''}"
    return f"{first}\n{_counts(study, trials, paint)}"


def best_block(
    study: StudyRecord, trials: Sequence[TrialRecord], *, paint: Paint = PLAIN, width: int | None = None
) -> str:
    """The best trial: its score with the spread over folds for every metric, and its parameters."""
    best = best_trial(study, trials)
    if best is None:
        return "no trial has succeeded yet" if not study.state.ended else "no trial has succeeded"
    soundness = "best so far" if not study.state.ended else "best"
    title = f"{soundness}: trial {best.number}, {count_text(len(best.folds), 'fold')}"
    parameters = fact_lines([(name, value_text(value)) for name, value in best.params.items()], indent=2, width=width)
    return f"{paint.strong(title)}\n{_score_lines(study, best, paint)}\n\n{paint.strong('parameters')}\n{parameters}"


def failures_block(
    study: StudyRecord,
    trials: Sequence[TrialRecord],
    *,
    command: str = "tenfold",
    paint: Paint = PLAIN,
    width: int | None = None,
) -> str:
    """Failed trials by kind, each with the reason of the first; empty if nothing failed."""
    failed = [trial for trial in trials if trial.state is TrialState.FAILED and trial.failure is not None]
    if not failed:
        return ""
    by_kind: dict[FailureKind, list[TrialRecord]] = {}
    for trial in failed:
        by_kind.setdefault(_kind(trial), []).append(trial)
    lines = [(f"{FAILURE_WORDS[kind]} x {len(group)}", _first_reason(group)) for kind, group in by_kind.items()]
    return "\n".join(
        [
            paint.bad(f"{count_text(len(failed), 'failed trial')}"),
            fact_lines(lines, indent=2, width=width),
            paint.faint(f"  `{command} trial {study.name} {failed[0].number}` shows the traceback"),
        ]
    )


def next_block(
    study: StudyRecord, trials: Sequence[TrialRecord], *, command: str = "tenfold", paint: Paint = PLAIN
) -> str:
    """The commands a person is likely to type next."""
    steps = [(f"{command} {rest}", why) for rest, why in _next_steps(study, trials)]
    return f"{paint.strong('next')}\n{fact_lines(steps, indent=2)}"


def _standing(study: StudyRecord) -> str:
    return "is waiting for a scheduler" if study.state is StudyState.SUBMITTED else str(study.state)


def _counts(study: StudyRecord, trials: Sequence[TrialRecord], paint: Paint) -> str:
    counts = {state: sum(trial.state is state for trial in trials) for state in TrialState}
    parts = [f"{counts[TrialState.SUCCEEDED]} succeeded"]
    if counts[TrialState.FAILED]:
        parts.append(paint.bad(f"{counts[TrialState.FAILED]} failed"))
    parts += [f"{counts[state]} {state}" for state in (TrialState.RUNNING, TrialState.QUEUED) if counts[state]]
    limit = study.stopping.trials
    done = counts[TrialState.SUCCEEDED] + counts[TrialState.FAILED]
    total = count_text(done, "trial") if limit is None or limit == done else f"{done} of {count_text(limit, 'trial')}"
    return f"{total} in {seconds_text(study.elapsed_s)}: {', '.join(parts)}"


def _score_lines(study: StudyRecord, best: TrialRecord, paint: Paint) -> str:
    columns = [
        Column("metric"),
        Column("mean", right=True, style=paint.good),
        Column("sd", right=True),
        Column("min", right=True),
        Column("max", right=True),
    ]
    rows = [_score_row(metric, metric_scores(best, metric)) for metric in study.facts.metrics]
    table = text_table(columns, [row for row in rows if row])
    return "\n".join(f"  {line}" for line in table.splitlines())


def _score_row(metric: str, scores: Sequence[float]) -> list[str]:
    if not scores:
        return []
    deviation = spread(scores)
    return [
        metric,
        score_text(mean(scores)),
        "-" if deviation is None else f"± {deviation_text(deviation)}",
        score_text(min(scores)),
        score_text(max(scores)),
    ]


def _kind(trial: TrialRecord) -> FailureKind:
    assert trial.failure is not None, "only failed trials are grouped by kind"
    return trial.failure.kind


def _first_reason(group: Sequence[TrialRecord]) -> str:
    first = group[0]
    assert first.failure is not None, "only failed trials are grouped by kind"
    fold = "" if first.failure.fold is None else f", fold {first.failure.fold}"
    return f"{first.failure.message} (trial {first.number}{fold})"


def _next_steps(study: StudyRecord, trials: Sequence[TrialRecord]) -> list[tuple[str, str]]:
    name = study.name
    steps: list[tuple[str, str]] = []
    best = best_trial(study, trials)
    if study.state in {StudyState.SUBMITTED, StudyState.RUNNING}:
        steps.append((f"watch {name}", "follow it"))
    if study.state in {StudyState.PAUSED, StudyState.FAILED}:
        steps.append((f"resume {name}", "continue it"))
    if trials:
        steps.append((f"trials {name}", "every trial"))
    if best is not None:
        steps.append((f"trial {name} {best.number}", "the best one in full"))
    if study.state is StudyState.FINISHED and study.reason is not StopReason.EXHAUSTED:
        steps.append((f"extend {name} --trials {max(10, len(trials) // 2)}", "search on"))
    if best is not None and study.state.ended:
        steps.append((f"export {name} --format csv -o {name}.csv", "take the table elsewhere"))
    return steps
