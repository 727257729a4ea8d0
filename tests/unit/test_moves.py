"""What a person may do to a study, state by state."""

from dataclasses import replace

import pytest

from tenfold_common.domain.moves import Cancel, Command, Extend, Move, Pause, Refusal, Resume, decide_move, standing
from tenfold_common.domain.records import StudyRecord
from tenfold_common.domain.stopping import Plateau, StoppingRules
from tenfold_common.domain.words import StopReason, StudyState
from tests.unit.report_samples import study_record


def _study(state: StudyState, reason: StopReason | None = None, **rules: object) -> StudyRecord:
    stopping = replace(StoppingRules(trials=60), **rules)  # type: ignore[arg-type]  # the rules a test names
    stopped_at = 33 if state is StudyState.FINISHED else None
    return study_record(state=state, reason=reason, stopping=stopping, stopped_at=stopped_at)


def _allowed(command: Command, study: StudyRecord) -> Move:
    move = decide_move(command, study)
    assert isinstance(move, Move), move
    return move


def _refused(command: Command, study: StudyRecord) -> str:
    refusal = decide_move(command, study)
    assert isinstance(refusal, Refusal), refusal
    return refusal.why


@pytest.mark.parametrize("state", [StudyState.SUBMITTED, StudyState.RUNNING])
def test_a_study_that_has_not_ended_can_be_paused(state: StudyState) -> None:
    """Pausing needs no reason and leaves the rules alone."""
    move = _allowed(Pause(), _study(state))
    assert (move.to, move.reason, move.stopping) == (StudyState.PAUSED, None, None)


@pytest.mark.parametrize("state", [StudyState.PAUSED, StudyState.FAILED])
def test_a_paused_or_failed_study_can_be_resumed(state: StudyState) -> None:
    """Resuming runs it again, without a reason to have ended."""
    move = _allowed(Resume(), _study(state))
    assert (move.to, move.reason) == (StudyState.RUNNING, None)


@pytest.mark.parametrize("state", [StudyState.SUBMITTED, StudyState.RUNNING, StudyState.PAUSED])
def test_cancelling_ends_a_study_by_hand(state: StudyState) -> None:
    """A cancelled study says that a person ended it."""
    move = _allowed(Cancel(), _study(state))
    assert (move.to, move.reason) == (StudyState.CANCELLED, StopReason.MANUAL)


@pytest.mark.parametrize(
    ("command", "state", "step"),
    [
        (Pause(), StudyState.PAUSED, "use resume"),
        (Pause(), StudyState.FINISHED, "nothing to pause"),
        (Resume(), StudyState.RUNNING, "nothing to resume"),
        (Resume(), StudyState.SUBMITTED, "as soon as a scheduler runs"),
        (Resume(), StudyState.FINISHED, "use extend"),
        (Resume(), StudyState.CANCELLED, "--new"),
        (Cancel(), StudyState.CANCELLED, "nothing to cancel"),
        (Cancel(), StudyState.FAILED, "nothing to cancel"),
        (Extend(trials=1, done=0), StudyState.CANCELLED, "--new"),
        (Extend(trials=1, done=0), StudyState.FAILED, "use resume"),
    ],
)
def test_a_refusal_names_the_study_its_state_and_what_would_work(
    command: Command, state: StudyState, step: str
) -> None:
    """Every combination that makes no sense is refused in words."""
    why = _refused(command, _study(state))
    assert "'digits-svc' is " in why
    assert str(state) in why
    assert step in why


def test_a_refusal_tells_why_the_study_stands_where_it_stands() -> None:
    """The reason of an ended study is part of the sentence."""
    why = _refused(Resume(), _study(StudyState.FINISHED, StopReason.TARGET))
    assert why == "'digits-svc' is finished (target reached); use extend to add trials"


@pytest.mark.parametrize("state", [StudyState.SUBMITTED, StudyState.RUNNING, StudyState.PAUSED])
def test_extending_a_living_study_raises_its_budget_only(state: StudyState) -> None:
    """State and other rules stay as they are."""
    study = _study(state, target=0.9)
    move = _allowed(Extend(trials=20, done=7), study)
    assert move.to is state
    assert move.stopping == replace(study.stopping, trials=80)
    assert move.notes == ("the budget of trials is now 80 = 60 + 20",)


def test_extending_a_study_without_a_budget_is_refused_while_it_lives() -> None:
    """There is no number to raise."""
    assert "none to raise" in _refused(Extend(trials=5, done=3), _study(StudyState.RUNNING, trials=None))


def test_extending_a_study_that_used_up_its_trials_adds_to_them() -> None:
    """It runs again with the sum as its budget."""
    study = replace(_study(StudyState.FINISHED, StopReason.TRIALS), stopped_at=60)
    move = _allowed(Extend(trials=20, done=60), study)
    assert move.to is StudyState.RUNNING
    assert move.stopping == StoppingRules(trials=80)
    assert move.notes == ("the budget of trials is now 80 = 60 + 20",)


@pytest.mark.parametrize(
    ("reason", "rules"),
    [
        (StopReason.TARGET, {"target": 0.99}),
        (StopReason.PLATEAU, {"plateau": Plateau(trials=20)}),
        (StopReason.TIME, {"time_s": 60.0}),
    ],
)
def test_extending_a_study_that_stopped_early_drops_the_rule_that_stopped_it(
    reason: StopReason, rules: dict[str, object]
) -> None:
    """Exactly the trials asked for are added to those done, and the person is told which rule is gone."""
    move = _allowed(Extend(trials=20, done=33), _study(StudyState.FINISHED, reason, **rules))
    assert move.stopping == StoppingRules(trials=53)
    assert move.notes[0] == "the budget of trials is now 53 = 33 + 20"
    assert "does not stop the study any more" in move.notes[1]


def test_rules_that_did_not_stop_the_study_stay_when_it_is_extended() -> None:
    """Only the one that held is dropped."""
    study = _study(StudyState.FINISHED, StopReason.TARGET, target=0.9, time_s=600.0)
    assert _allowed(Extend(trials=1, done=33), study).stopping == StoppingRules(trials=34, time_s=600.0)


def test_a_study_that_has_tried_every_point_cannot_be_extended() -> None:
    """More trials would have nothing to try."""
    study = _study(StudyState.FINISHED, StopReason.EXHAUSTED)
    assert "no further point" in _refused(Extend(trials=1, done=9), study)


def test_every_reason_has_words() -> None:
    """No reason is shown as a bare identifier."""
    for reason in StopReason:
        assert standing(_study(StudyState.FINISHED, reason)).startswith("finished (")
