"""The pages and tables that people read."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tenfold.report.listing import attempt_text, queue_table, studies_table, trials_table, workers_table
from tenfold.report.paint import Paint
from tenfold.report.shapes import queue_shape
from tenfold.report.summary import best_block, failures_block, final_summary
from tenfold.report.tables import Column, fact_lines, text_table
from tenfold.report.trial_page import trial_page
from tenfold.report.wording import (
    count_text,
    params_text,
    score_text,
    seconds_text,
    spread_text,
    value_text,
    why_text,
)
from tenfold_common.domain.assignment import WorkerRecord
from tenfold_common.domain.records import AttemptRecord, StudyRecord
from tenfold_common.domain.stopping import Plateau, StoppingRules
from tenfold_common.domain.trial import AttemptKey
from tenfold_common.domain.words import AttemptState, FailureKind, StopReason, StudyId, StudyState, TrialState
from tests.unit.report_samples import FINGERPRINT, MACHINE, NOON, failed_trial, fold, study_record, trial_record


def _finished(**changes: object) -> StudyRecord:
    study = study_record(state=StudyState.FINISHED, reason=StopReason.TRIALS, elapsed_s=8.0, stopped_at=3)
    return replace(study, stopping=StoppingRules(trials=3), **changes)  # type: ignore[arg-type]  # the fields a test means


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "-"),
        (0.0, "0.00 s"),
        (1.234, "1.23 s"),
        (9.999, "10.0 s"),
        (59.94, "59.9 s"),
        (59.96, "1m 00s"),
        (3599.4, "59m 59s"),
        (3600, "1h 00m"),
        (86400 * 3 + 3600 * 4, "3d 04h"),
    ],
)
def test_durations_read_as_people_say_them(seconds: float | None, text: str) -> None:
    """Never more than two units, never a rounded-up sixty."""
    assert seconds_text(seconds) == text


@pytest.mark.parametrize(
    ("score", "text"),
    [
        (None, "-"),
        (0.0, "0.000000"),
        (0.98, "0.980000"),
        (-12.34567, "-12.3457"),
        (1.0, "1.00000"),
        (1e-7, "1.00000e-07"),
    ],
)
def test_scores_show_six_digits_that_matter(score: float | None, text: str) -> None:
    """Small and large scores stay readable."""
    assert score_text(score) == text


def test_parameters_are_written_bare_where_that_is_clear() -> None:
    """Strings need no quotes, everything else is JSON."""
    point = params_text({"C": 0.1, "kernel": "rbf", "bias": True, "layers": [8, 8], "seed": None})
    assert point == "C=0.1 kernel=rbf bias=true layers=[8,8] seed=null"
    assert value_text(1e-05) == "1e-05"


def test_the_spread_is_the_sample_standard_deviation() -> None:
    """0.9 and 0.92 are 0.01 from their mean, so the deviation is sqrt(2) * 0.01."""
    assert spread_text([0.9, 0.92]) == "0.910000 ± 0.014"
    assert spread_text([0.9]) == "0.900000"
    assert spread_text([]) == "-"


def test_counts_agree_with_their_nouns() -> None:
    """One trial, two trials, no studies."""
    texts = [count_text(1, "trial"), count_text(2, "trial"), count_text(0, "study", "studies")]
    assert texts == ["1 trial", "2 trials", "0 studies"]


@pytest.mark.parametrize(
    ("reason", "rules", "words"),
    [
        (StopReason.TRIALS, StoppingRules(trials=60), "all 60 trials are done"),
        (StopReason.TIME, StoppingRules(time_s=3600), "its time of 1h 00m is used up"),
        (StopReason.TARGET, StoppingRules(target=0.995), "the target of 0.995 was reached"),
        (
            StopReason.PLATEAU,
            StoppingRules(plateau=Plateau(trials=20, min_delta=0.001)),
            "the last 20 trials did not improve it by more than 0.001",
        ),
        (StopReason.EXHAUSTED, StoppingRules(), "every point of its search space has been tried"),
    ],
)
def test_the_reason_to_stop_is_said_in_words(reason: StopReason, rules: StoppingRules, words: str) -> None:
    """With the number of the rule that held."""
    assert why_text(study_record(state=StudyState.FINISHED, reason=reason, stopping=rules)) == words


def test_a_failed_study_says_why() -> None:
    """The message of the error is the reason."""
    study = study_record(state=StudyState.FAILED, reason=StopReason.ERROR, message="the spec is gone")
    assert why_text(study) == "the spec is gone"


def test_columns_are_aligned_and_nothing_is_cut() -> None:
    """Numbers to the right, words to the left, however long."""
    table = text_table([Column("n", right=True), Column("name")], [["1", "a" * 200], ["10", "b"]])
    assert table.splitlines() == [" n  name", " 1  " + "a" * 200, "10  b"]


def test_on_a_terminal_the_last_column_is_wrapped_under_itself() -> None:
    """Every line fits, and no word is broken."""
    words = " ".join(f"word{number}" for number in range(12))
    table = text_table([Column("n", right=True), Column("text")], [["1", words]], width=40)
    lines = table.splitlines()
    assert all(len(line) <= 40 for line in lines)
    assert all(line.startswith("   word") for line in lines[2:])
    assert " ".join(lines[1:]).split()[1:] == words.split()


def test_painted_cells_keep_their_alignment() -> None:
    """Colour adds no width."""
    paint = Paint(colour=True)
    table = text_table([Column("state", style=paint.state), Column("n")], [["failed", "1"], ["succeeded", "2"]])
    assert table.splitlines()[1] == "\x1b[31mfailed   \x1b[0m  1"


def test_facts_of_several_lines_stay_under_each_other() -> None:
    """The name is written once."""
    assert fact_lines([("a", "one\ntwo"), ("long", "x")], indent=2) == "  a     one\n        two\n  long  x"


def test_the_summary_tells_result_spread_failures_record_and_next_steps() -> None:
    """Everything a person needs at the end of a run is on one page, without colour in a pipe."""
    trials = [trial_record(0, (0.9, 0.92)), failed_trial(1), trial_record(2, (0.97, 0.99))]
    text = final_summary(_finished(), trials, record="/home/me/.tenfold/tenfold.db")
    assert "digits-svc finished: all 3 trials are done\n3 trials in 8.00 s: 2 succeeded, 1 failed\n" in text
    assert "best: trial 2, 2 folds" in text
    assert "  accuracy  0.980000  ± 0.014  0.970000  0.990000" in text
    assert "  svc.kernel  rbf" in text
    assert "exception x 1  ValueError: gamma is too large (trial 1, fold 1)" in text
    assert "`tenfold trial digits-svc 1` shows the traceback" in text
    assert "record  /home/me/.tenfold/tenfold.db, study digits-svc" in text
    assert "tenfold extend digits-svc --trials 10" in text
    assert "\x1b" not in text


def test_the_summary_repeats_the_home_in_every_command() -> None:
    """A command that is pasted meets the same record."""
    text = final_summary(_finished(), [failed_trial(0)], record="db", command="tenfold --home /x")
    commands = [line for line in text.splitlines() if "digits-svc " in line and "tenfold" in line]
    assert commands
    assert all("tenfold --home /x " in line for line in commands)


def test_failures_are_grouped_by_kind_with_the_reason_of_the_first() -> None:
    """Three failures of two kinds make two lines."""
    trials = [failed_trial(1), failed_trial(2), failed_trial(3, FailureKind.TIMEOUT)]
    text = failures_block(study_record(), trials)
    assert text.startswith("3 failed trials\n  exception x 2  ")
    assert "  time-out x 1   " in text
    assert failures_block(study_record(), [trial_record(0, (0.9, 0.9))]) == ""


def test_a_study_without_success_has_no_best_trial() -> None:
    """And says so, differently before and after its end."""
    assert best_block(study_record(state=StudyState.RUNNING), []) == "no trial has succeeded yet"
    assert best_block(_finished(), [failed_trial(0)]) == "no trial has succeeded"


@pytest.mark.parametrize(
    ("state", "step"),
    [
        (StudyState.SUBMITTED, "watch digits-svc"),
        (StudyState.RUNNING, "watch digits-svc"),
        (StudyState.PAUSED, "resume digits-svc"),
        (StudyState.FAILED, "resume digits-svc"),
    ],
)
def test_the_next_step_suits_the_state(state: StudyState, step: str) -> None:
    """A living study is watched, a stopped one resumed."""
    assert f"tenfold {step}" in final_summary(study_record(state=state), [], record="db")


def test_a_study_that_has_tried_every_point_is_not_offered_more() -> None:
    """Extend is suggested only where it is possible."""
    text = final_summary(_finished(reason=StopReason.EXHAUSTED), [trial_record(0, (0.9, 0.9))], record="db")
    assert "extend" not in text


def test_the_trial_table_stars_the_best_and_names_the_kind_of_failure() -> None:
    """One line per trial, parameters last."""
    lines = trials_table(
        study_record(), [trial_record(0, (0.9, 0.92)), failed_trial(1), trial_record(2, (0.97, 0.99))]
    ).splitlines()
    assert lines[0].split() == ["trial", "state", "accuracy", "sd", "time", "parameters"]
    assert lines[1].split()[:4] == ["0", "succeeded", "0.910000", "0.014"]
    assert lines[2].split()[:3] == ["1", "failed", "(exception)"]
    assert lines[3].split()[0] == "*2"


def test_the_study_table_shows_how_far_and_how_good() -> None:
    """Finished of wanted trials, failures, the best score and the age."""
    trials = [trial_record(0, (0.9, 0.92)), failed_trial(1), trial_record(2)]
    study = study_record(state=StudyState.RUNNING)
    lines = studies_table([(study, trials)], now=NOON + timedelta(hours=2)).splitlines()
    assert lines[1].split() == ["digits-svc", "running", "2/4", "1", "0.910000", "accuracy", "0.00", "s", "2h", "00m"]


def test_the_queue_table_ends_with_what_is_running() -> None:
    """Even where no queue is known."""
    assert queue_table(queue_shape([], [], [], NOON)) == "0 running, 0 workers, 0 trials per minute"
    waiting = queue_shape([(study_record(), [trial_record(0)], [])], [], [], NOON)
    assert queue_table(waiting).splitlines()[:2] == ["queue  waiting  oldest", "cpu          1  0.00 s"]


def test_the_worker_table_shows_what_each_runs() -> None:
    """Study and trial for each slot, and when the worker was last heard of."""
    worker = WorkerRecord(
        id="node-1:99",
        host="node-1",
        pid=99,
        slots=2,
        queues=("cpu", "gpu"),
        fingerprint=FINGERPRINT,
        running=(AttemptKey(StudyId("a"), 4, 1, 2), AttemptKey(StudyId("b"), 0, 0, 1)),
        started_at=NOON - timedelta(minutes=1),
        seen_at=NOON - timedelta(seconds=2),
    )
    line = workers_table([worker], {"a": "digits-svc"}, now=NOON).splitlines()[1]
    assert line == "node-1:99      2  cpu,gpu  2.00 s ago  1m 00s  digits-svc 4 part 1 attempt 2, b 0"
    assert attempt_text(AttemptKey(StudyId("a"), 4, 0, 1), {}) == "a 4"


def test_the_page_of_a_failed_trial_ends_with_its_traceback() -> None:
    """Where a terminal leaves the reader's eye."""
    key = AttemptKey(study_record().id, 1, 0, 1)
    trial = failed_trial(1)
    attempt = AttemptRecord(
        key=key, state=AttemptState.FAILED, folds=(0, 1), worker="w", fingerprint=FINGERPRINT, failure=trial.failure
    )
    page = trial_page(study_record(), trial, [attempt], {FINGERPRINT: MACHINE})
    assert page.startswith("digits-svc trial 1 failed\n")
    assert page.endswith("ValueError: gamma is too large")
    assert "exception in fold 1: ValueError: gamma is too large" in page
    assert "cpu.model              Cortex" in page
    assert "machine fefefefefefe" in page


def test_the_page_of_a_trial_shows_folds_and_warnings() -> None:
    """A warning that several folds gave is written once."""
    folds = (fold(0, 0.9, warnings=("slow",)), fold(1, 0.92, warnings=("slow", "odd")))
    trial = replace(trial_record(0, (0.9, 0.92)), folds=folds)
    page = trial_page(study_record(), trial, [], {})
    assert "   1  0.920000  0.910000    700         350  0.50 s  0.25 s" in page
    assert "warnings\n  fold 0, 1  slow\n  fold 1     odd" in page


def test_a_lost_attempt_that_does_not_count_says_so() -> None:
    """A restarted broker is nobody's fault."""
    key = AttemptKey(study_record().id, 0, 2, 1)
    attempt = AttemptRecord(key=key, state=AttemptState.LOST, folds=(0,), counts=False)
    page = trial_page(study_record(), trial_record(0, state=TrialState.RUNNING), [attempt], {})
    assert "1 (part 2)" in page
    assert "does not count" in page
