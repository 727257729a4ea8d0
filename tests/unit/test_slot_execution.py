"""One attempt as a slot sees it: lists of events, and the instructions they must give."""

from dataclasses import dataclass, field

import pytest

from tenfold_common.domain.assignment import failure_to_json, fold_to_json
from tenfold_common.domain.trial import Failure, FoldResult
from tenfold_common.domain.words import FailureKind
from tenfold_worker.execution import (
    Drop,
    Event,
    Execution,
    Exited,
    Finished,
    FoldBegan,
    FoldEnded,
    Instruction,
    Kill,
    Phase,
    Ready,
    Renew,
    Renewed,
    Report,
    Stopped,
    Tick,
    Troubled,
    begin,
    decide,
    event_of_message,
)

BROKEN = Failure(kind=FailureKind.EXCEPTION, message="ValueError: no", fold=1, traceback="Traceback ...")


def _fold(number: int) -> FoldResult:
    return FoldResult(fold=number, scores={"r2": 0.5}, fit_s=0.1, score_s=0.1, train_rows=8, validation_rows=2)


@dataclass
class _Story:
    """An attempt with folds 2, 3 and 4 and a lease of 40 s, to which things happen."""

    execution: Execution = field(default_factory=lambda: begin((2, 3, 4), lease_s=40, now_s=100))
    told: list[Instruction] = field(default_factory=list)

    def then(self, *events: Event, at_s: float = 100) -> "_Story":
        for event in events:
            self.execution, instructions = decide(self.execution, event, now_s=at_s)
            self.told += instructions
        return self

    def evaluating(self, *, fold_timeout_s: float | None = 5) -> "_Story":
        return self.then(Ready(fold_timeout_s=fold_timeout_s), FoldBegan(fold=2))


def test_an_attempt_ends_with_its_folds() -> None:
    """Folds are collected in the order they end; the report is made once."""
    story = _Story().evaluating().then(FoldEnded(result=_fold(2)), FoldBegan(fold=3), FoldEnded(result=_fold(3)))
    story.then(Finished(failure=None), Tick(), Exited(how="was ended by SIGKILL", output=""))
    assert story.told == [Report(failure=None)]
    assert story.execution.results == (_fold(2), _fold(3))
    assert story.execution.phase is Phase.ENDED


def test_a_failure_of_the_model_is_the_outcome() -> None:
    """What the model raised is reported as it is, with the folds before it."""
    story = _Story().evaluating().then(FoldEnded(result=_fold(2)), Finished(failure=BROKEN))
    assert story.told == [Report(failure=BROKEN)]
    assert story.execution.results == (_fold(2),)


def test_the_lease_is_renewed_four_times_in_its_length() -> None:
    """Not before, and then again a quarter later."""
    story = _Story().then(Tick(), at_s=109.9)
    assert story.told == []
    story.then(Tick(), at_s=110).then(Renewed(kept=True), Tick(), at_s=110.1)
    assert story.told == [Renew()]
    assert story.execution.wake_at_s == 120


def test_a_silent_broker_is_asked_again_soon() -> None:
    """The trial goes on; the next try comes after a second, not after a quarter of a lease."""
    story = _Story().evaluating(fold_timeout_s=None).then(Tick(), Renewed(kept=None), at_s=110)
    assert story.execution.wake_at_s == 111
    assert story.execution.phase is Phase.EVALUATING


def test_a_fold_that_takes_too_long_is_the_trial_s_outcome() -> None:
    """The runner shows where it hangs, is killed, and the failure names fold and limit."""
    story = _Story().evaluating(fold_timeout_s=2.5).then(FoldEnded(result=_fold(2)), FoldBegan(fold=3), at_s=101)
    story.then(Tick(), at_s=103.4)
    assert story.told == []
    assert story.execution.wake_at_s == 103.5
    story.then(Tick(), Tick(), FoldEnded(result=_fold(3)), Finished(failure=None), at_s=103.5)
    assert story.told == [Kill(look=True)]
    story.then(Exited(how="was ended by SIGKILL", output="File hang.py, line 3"))
    expected = Failure(
        kind=FailureKind.TIMEOUT,
        message="fold 3 took longer than fold_timeout (2.5 s)",
        fold=3,
        traceback="File hang.py, line 3",
    )
    assert story.told[1:] == [Report(failure=expected)]
    assert story.execution.results == (_fold(2),)


def test_building_the_model_counts_as_its_first_fold() -> None:
    """An import that never ends is a time-out, too; what happens before (fetching data) is not timed."""
    story = _Story().then(Tick(), at_s=109).then(Ready(fold_timeout_s=1), at_s=109).then(Tick(), at_s=110)
    assert story.told == [Kill(look=True), Renew()]
    story.then(Exited(how="was ended by SIGKILL", output=""))
    [report] = [told for told in story.told if isinstance(told, Report)]
    assert report.failure is not None
    assert report.failure.fold == 2


def test_without_a_limit_a_fold_may_take_for_ever() -> None:
    """Only the lease is looked after."""
    story = _Story().evaluating(fold_timeout_s=None).then(Tick(), at_s=1e6)
    assert story.told == [Renew()]


def test_a_crash_is_tried_again_with_its_evidence() -> None:
    """It looks the same as an out-of-memory kill by the machine: the scheduler counts."""
    story = _Story().evaluating().then(FoldEnded(result=_fold(2)), FoldBegan(fold=3))
    story.then(Exited(how="was ended by SIGSEGV", output="Fatal Python error"))
    expected = Failure(
        kind=FailureKind.CRASHED,
        message="the process that ran the model was ended by SIGSEGV in fold 3",
        fold=3,
        traceback="Fatal Python error",
    )
    assert story.told == [Report(failure=expected, machine_trouble=True)]


@pytest.mark.parametrize(
    ("event", "kind", "words"),
    [
        (Exited(how="exited with code 3", output=""), FailureKind.CRASHED, "code 3 before the first fold"),
        (Exited(how="", output=""), FailureKind.WORKER_LOST, "lost the process that starts its runners"),
        (Troubled(message="no such artifact", traceback="..."), FailureKind.WORKER_LOST, "no such artifact"),
    ],
)
def test_trouble_of_the_machine_is_never_an_outcome(event: Event, kind: FailureKind, words: str) -> None:
    """Each is reported as machine trouble, in words that tell them apart."""
    [report] = _Story().then(event).told
    assert isinstance(report, Report)
    assert report.machine_trouble
    assert report.failure is not None
    assert report.failure.kind is kind
    assert words in report.failure.message


def test_a_stopped_worker_hands_its_attempt_back() -> None:
    """Without a failure: it counts against nobody."""
    assert _Story().evaluating().then(Stopped(), Stopped()).told[:1] == [Report(failure=None, machine_trouble=True)]


def test_a_revoked_attempt_ends_in_silence() -> None:
    """The runner is killed without a look, and whatever it still says is dropped."""
    story = _Story().evaluating().then(Renewed(kept=False), Renewed(kept=False), FoldEnded(result=_fold(2)))
    story.then(Finished(failure=None))
    assert story.told == [Kill(look=False)]
    story.then(Exited(how="was ended by SIGKILL", output=""))
    assert story.told[1:] == [Drop()]
    assert _Story().then(Renewed(kept=False), Stopped()).told[1:] == [Drop()]


def test_an_attempt_revoked_while_it_is_killed_says_nothing() -> None:
    """A time-out and a revocation at once: it is killed once, and dropped."""
    story = _Story().evaluating(fold_timeout_s=1).then(Tick(), at_s=102).then(Renewed(kept=False), at_s=102)
    story.then(Exited(how="was ended by SIGKILL", output=""))
    assert story.told == [Kill(look=True), Drop()]


@pytest.mark.parametrize(
    ("message", "event"),
    [
        ({"event": "ready", "fold_timeout_s": None}, Ready(fold_timeout_s=None)),
        ({"event": "ready", "fold_timeout_s": 3}, Ready(fold_timeout_s=3)),
        ({"event": "fold_began", "fold": 1}, FoldBegan(fold=1)),
        ({"event": "fold_ended", "result": fold_to_json(_fold(1))}, FoldEnded(result=_fold(1))),
        ({"event": "finished", "failure": None}, Finished(failure=None)),
        ({"event": "finished", "failure": failure_to_json(BROKEN)}, Finished(failure=BROKEN)),
        ({"event": "troubled", "message": "m", "traceback": "t"}, Troubled(message="m", traceback="t")),
        ({"event": "exited", "how": "h", "output": "o"}, Exited(how="h", output="o")),
        ({"event": "stopped"}, Stopped()),
    ],
)
def test_messages_become_events(message: dict[str, object], event: Event) -> None:
    """Everything a runner or a nursery says has its event."""
    assert event_of_message(message) == event


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"event": "ready"},
        {"event": "gossip"},
        {"event": "fold_ended", "result": None},
        {"event": "fold_ended", "result": {"fold": 1, "scores": [1]}},
        {"event": "finished", "failure": {"kind": "unheard of"}},
        {"event": "fold_began", "fold": "two"},
    ],
)
def test_nonsense_is_refused(message: dict[str, object]) -> None:
    """A model may write anything to the socket; it is a ValueError and nothing else."""
    with pytest.raises(ValueError, match=r".+"):
        event_of_message(message)
