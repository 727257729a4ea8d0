"""Studies as files for other tools, and the comparison over their canonical form."""

import csv
import io
import json
from dataclasses import replace

import pytest

from tenfold.report.comparison import Difference, compare_canonical, difference_text
from tenfold.report.export import canonical_bytes, canonical_document, csv_bytes, json_bytes, parquet_bytes
from tenfold.report.shapes import Shape
from tenfold_common.domain.records import StudyRecord, TrialRecord
from tenfold_common.domain.words import ContentHash, StopReason, StudyState
from tests.unit.report_samples import NOON, failed_trial, study_record, trial_record

TRIALS = [trial_record(0, (0.9, 0.92)), failed_trial(1), trial_record(2, (0.97, 0.99))]
STUDY = study_record(state=StudyState.FINISHED, reason=StopReason.TRIALS, stopped_at=3, elapsed_s=8.0)


def _document(study: StudyRecord = STUDY, trials: list[TrialRecord] = TRIALS) -> Shape:
    return canonical_document(study, trials)


def test_csv_has_a_row_per_trial_and_a_column_per_parameter_metric_and_fold() -> None:
    """What is missing is an empty cell; numbers read back as they were."""
    first, failed, _ = csv.DictReader(io.StringIO(csv_bytes(STUDY, TRIALS).decode()))
    assert first["params.svc.C"] == "1.0"
    assert first["params.svc.kernel"] == "rbf"
    assert float(first["metrics.accuracy"]) == TRIALS[0].score
    assert first["metrics.f1_macro.fold1"] == repr(0.92 - 0.01)
    assert (failed["score"], failed["metrics.accuracy.fold0"], failed["metrics.accuracy.fold1"]) == ("", "0.5", "")
    assert failed["failure.message"] == "ValueError: gamma is too large"


def test_a_parameter_that_is_inactive_in_a_trial_is_an_empty_cell() -> None:
    """Columns come in the order in which parameters first occur."""
    trials = [trial_record(0, params={"a": 1}), trial_record(1, params={"a": 2, "b": [1, 2]})]
    rows = list(csv.DictReader(io.StringIO(csv_bytes(STUDY, trials).decode())))
    assert [(row["params.a"], row["params.b"]) for row in rows] == [("1", ""), ("2", "[1,2]")]


def test_json_holds_the_document_the_facts_and_every_fold() -> None:
    """It is the whole record but for attempts and machines."""
    document = json.loads(json_bytes(STUDY, TRIALS))
    assert document["document"] == {"name": "digits-svc", "seed": 42}
    assert document["facts"]["metrics"] == ["accuracy", "f1_macro"]
    assert document["status"]["best"]["number"] == 2
    assert document["stopping"]["trials"] == 4
    assert document["trials"][0]["folds"][1]["train_rows"] == 700


def test_parquet_keeps_types_and_reads_back() -> None:
    """A parameter whose values have several types becomes JSON text."""
    import pyarrow.parquet as pq

    trials = [
        trial_record(0, (0.9, 0.92), params={"a": 1, "b": 2, "c": "x"}),
        trial_record(1, (0.9, 0.92), params={"a": 2.5, "b": "auto", "c": None}),
        failed_trial(2, params={"a": 3, "b": [1], "c": "y"}),
    ]
    table = pq.read_table(io.BytesIO(parquet_bytes(STUDY, trials))).to_pydict()
    assert table["params.a"] == [1.0, 2.5, 3.0]
    assert table["params.b"] == ["2", '"auto"', "[1]"]
    assert table["params.c"] == ["x", None, "y"]
    assert table["score"] == [trials[0].score, trials[1].score, None]


def test_a_study_without_trials_can_be_exported() -> None:
    """Every format has its header, or an empty list."""
    assert csv_bytes(STUDY, []).decode().startswith("number,state,score,metrics.accuracy,")
    assert json.loads(json_bytes(STUDY, []))["trials"] == []
    assert parquet_bytes(STUDY, [])


def test_the_canonical_form_is_the_same_bytes_whatever_the_machine() -> None:
    """Names, times, attempts, fingerprints, warnings and messages play no part."""
    elsewhere = replace(
        STUDY,
        name="other",
        id=study_record("other").id,
        elapsed_s=99.0,
        message="said otherwise",
        document={"name": "other", "data": {"source": "/elsewhere.csv"}},
        facts=replace(STUDY.facts, environment={"python": "3.13"}, spec_hash=ContentHash("e" * 64)),
    )
    trials = [
        replace(
            trial,
            seconds=77.0,
            attempts=3,
            fingerprint=ContentHash("9" * 64),
            ended_at=NOON.replace(year=2027),
            folds=tuple(replace(fold, fit_s=9.0, warnings=("slow",)) for fold in trial.folds),
            failure=None if trial.failure is None else replace(trial.failure, message="in /elsewhere", traceback=""),
        )
        for trial in TRIALS
    ]
    assert canonical_bytes(elsewhere, trials) == canonical_bytes(STUDY, TRIALS)


def test_the_canonical_form_is_one_line_of_canonical_json() -> None:
    """It holds winner and stopping point, and reads back as itself."""
    data = canonical_bytes(STUDY, TRIALS)
    assert data.count(b"\n") == 1
    document = json.loads(data)
    assert document["winner"] == 2
    assert document["stopping"] == {"trials": 3, "reason": "trials"}
    assert compare_canonical(document, _document()) is None


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        ({"seed": 7}, Difference(trial=None, field="seed", a=42, b=7)),
        ({"stopped_at": 2}, Difference(trial=None, field="stopping.trials", a=3, b=2)),
        ({"reason": StopReason.TARGET}, Difference(trial=None, field="stopping.reason", a="trials", b="target")),
    ],
)
def test_a_difference_of_the_study_is_named(change: dict[str, object], difference: Difference) -> None:
    """Without a trial, by its dotted path."""
    other = replace(STUDY, **change)  # type: ignore[arg-type]  # the fields the case names
    assert compare_canonical(_document(), _document(other)) == difference


@pytest.mark.parametrize(
    ("number", "trial", "field", "a", "b"),
    [
        (0, trial_record(0, (0.9, 0.93)), "folds.1.accuracy", 0.92, 0.93),
        (0, trial_record(0, (0.9, 0.92), seed=1), "seed", 1000, 1),
        (2, trial_record(2, (0.97,)), "folds.1", {"accuracy": 0.99, "f1_macro": 0.99 - 0.01}, None),
        (1, trial_record(1, (0.5,)), "state", "failed", "succeeded"),
        (0, trial_record(0, (0.9, 0.92), params={"svc.C": 1.0}), "params.svc.gamma", 0.01, None),
    ],
)
def test_the_first_difference_of_a_trial_is_named(
    number: int, trial: TrialRecord, field: str, a: object, b: object
) -> None:
    """Parameters, seeds, fold scores and states all count."""
    trials = [*TRIALS[:number], trial, *TRIALS[number + 1 :]]
    found = compare_canonical(_document(), _document(trials=trials))
    assert found is not None
    assert (found.trial, found.field, found.a, found.b) == (number, field, a, b)


def test_a_missing_trial_is_a_difference() -> None:
    """Whichever study lacks it."""
    shorter = _document(trials=TRIALS[:2])
    assert compare_canonical(_document(), shorter) == Difference(trial=2, field="state", a="succeeded", b=None)
    assert compare_canonical(shorter, _document()) == Difference(trial=2, field="state", a=None, b="succeeded")


def test_one_and_true_are_different_values() -> None:
    """Python would call them equal; a study that tried one did not try the other."""
    one, other = [trial_record(0, params={"a": 1})], [trial_record(0, params={"a": True})]
    found = compare_canonical(_document(trials=one), _document(trials=other))
    assert found == Difference(trial=0, field="params.a", a=1, b=True)


def test_a_difference_reads_as_a_sentence() -> None:
    """Both values, each with its study."""
    text = difference_text(Difference(trial=3, field="folds.0.accuracy", a=0.9, b=None), "one", "two")
    assert text == (
        "different: the first difference is in trial 3, folds.0.accuracy\n  0.9  in one\n  nothing  in two"
    )
