"""A study as bytes for other tools: CSV, JSON, Parquet, and the canonical form that two machines agree on.

Pure: records in, bytes out. The canonical form holds only what promise 1 says is a function of the study file and
the data: no times, machines, attempts or names.
"""

import csv
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Final

from tenfold.report.shapes import Shape, best_trial, metric_scores, status_shape, trials_shape
from tenfold_common.domain.assignment import fold_to_json
from tenfold_common.domain.canonical import canonical_json
from tenfold_common.domain.records import StudyRecord, TrialRecord
from tenfold_common.domain.words import Json

CANONICAL_FORMAT: Final = "tenfold-canonical"
CANONICAL_VERSION: Final = 1


def canonical_document(study: StudyRecord, trials: Sequence[TrialRecord]) -> Shape:
    """What must be the same wherever the study runs.

    Args:
        study: The study.
        trials: Its trials in trial order, without discarded ones.
    """
    best = best_trial(study, trials)
    return {
        "format": CANONICAL_FORMAT,
        "version": CANONICAL_VERSION,
        "seed": study.seed,
        "data_hash": study.facts.data_hash,
        "splits_hash": study.facts.splits_hash,
        "metrics": list(study.facts.metrics),
        "direction": str(study.facts.direction),
        "trials": [_canonical_trial(trial) for trial in trials],
        "stopping": {"trials": study.stopped_at, "reason": None if study.reason is None else str(study.reason)},
        "winner": None if best is None else best.number,
    }


def canonical_bytes(study: StudyRecord, trials: Sequence[TrialRecord]) -> bytes:
    """The canonical document as the one JSON text it has, with a newline at its end."""
    return (canonical_json(canonical_document(study, trials)) + "\n").encode()


def json_bytes(study: StudyRecord, trials: Sequence[TrialRecord]) -> bytes:
    """Everything: how the study stands, its document and facts, and its trials with every fold."""
    rows = trials_shape(study, trials)
    for row, trial in zip(rows, trials, strict=True):
        assert isinstance(row, dict), "a row of the trial table is an object"
        row["folds"] = [fold_to_json(fold) for fold in trial.folds]
    document: Shape = {
        "status": status_shape(study, trials),
        "document": dict(study.document),
        "facts": _facts(study),
        "stopping": asdict(study.stopping),
        "trials": rows,
    }
    return (json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def csv_bytes(study: StudyRecord, trials: Sequence[TrialRecord]) -> bytes:
    """One row per trial; parameters, metrics and fold scores as columns. Nothing where a value is missing."""
    columns = table_columns(study, trials)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*([_cell(value) for value in values] for values in columns.values()), strict=True))
    return text.getvalue().encode()


def parquet_bytes(study: StudyRecord, trials: Sequence[TrialRecord]) -> bytes:
    """The same table as Parquet. A parameter with values of several types becomes JSON text."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = table_columns(study, trials)
    table = pa.table({name: _one_type(values) for name, values in columns.items()})
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


def table_columns(study: StudyRecord, trials: Sequence[TrialRecord]) -> dict[str, list[Json]]:
    """The trial table by column, in the order of an export."""

    def each(value: Callable[[TrialRecord], Json]) -> list[Json]:
        return [value(trial) for trial in trials]

    columns: dict[str, list[Json]] = {
        "number": each(lambda trial: trial.number),
        "state": each(lambda trial: str(trial.state)),
        "score": each(lambda trial: trial.score),
    }
    for name in dict.fromkeys(name for trial in trials for name in trial.params):
        columns[f"params.{name}"] = [trial.params.get(name) for trial in trials]
    columns.update(_metric_columns(study, trials))
    return columns | {
        "seed": each(lambda trial: trial.seed),
        "conditioned_on": each(lambda trial: trial.conditioned_on),
        "attempts": each(lambda trial: trial.attempts),
        "seconds": each(lambda trial: trial.seconds),
        "fingerprint": each(lambda trial: trial.fingerprint),
        "failure.kind": each(lambda trial: None if trial.failure is None else str(trial.failure.kind)),
        "failure.fold": each(lambda trial: None if trial.failure is None else trial.failure.fold),
        "failure.message": each(lambda trial: None if trial.failure is None else trial.failure.message),
    }


def _metric_columns(study: StudyRecord, trials: Sequence[TrialRecord]) -> list[tuple[str, list[Json]]]:
    rows = trials_shape(study, trials)
    columns: list[tuple[str, list[Json]]] = []
    for metric in study.facts.metrics:
        scores = [metric_scores(trial, metric) for trial in trials]
        columns.append((f"metrics.{metric}", [_mean_of(row, metric) for row in rows]))
        columns += [
            (f"metrics.{metric}.fold{fold}", [own[fold] if fold < len(own) else None for own in scores])
            for fold in range(study.facts.folds)
        ]
    return columns


def _mean_of(row: Json, metric: str) -> Json:
    assert isinstance(row, dict), "a row of the trial table is an object"
    metrics = row["metrics"]
    assert isinstance(metrics, dict), "its metrics are an object"
    shape = metrics[metric]
    return shape["mean"] if isinstance(shape, dict) else None


def _canonical_trial(trial: TrialRecord) -> Shape:
    failure = trial.failure
    return {
        "number": trial.number,
        "state": str(trial.state),
        "params": dict(trial.params),
        "seed": trial.seed,
        "folds": [dict(fold.scores) for fold in trial.folds],
        "failure": None if failure is None else {"kind": str(failure.kind), "fold": failure.fold},
    }


def _facts(study: StudyRecord) -> Shape:
    facts = asdict(study.facts)
    return {name: list(value) if isinstance(value, tuple) else value for name, value in facts.items()}


def _cell(value: Json) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else canonical_json(value)


def _one_type(values: Sequence[Json]) -> list[Json]:
    kinds = {type(value) for value in values if value is not None}
    if len(kinds) <= 1 and not kinds & {list, dict}:
        return list(values)
    if kinds <= {int, float}:
        return [
            None if value is None else float(value) for value in values if not isinstance(value, (str, list, dict))
        ]
    return [None if value is None else canonical_json(value) for value in values]
