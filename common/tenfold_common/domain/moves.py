"""What a person may do to a study: pause, resume, cancel, extend. Pure rules: a command and a record in, a move out.

Nothing is written here; the caller writes the move by compare-and-set and asks again if somebody was faster.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tenfold_common.domain.records import StudyRecord
from tenfold_common.domain.stopping import StoppingRules
from tenfold_common.domain.words import StopReason, StudyState


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """Hand out no more trials; those running go on to their end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resume:
    """Go on where the study was paused or failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancel:
    """End the study now, for good."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Extend:
    """Add ``trials`` trials to the study's budget.

    Attributes:
        done: Number of trials the study has now; the base of the new budget where no rule limited them.
    """

    trials: int
    done: int


Command = Pause | Resume | Cancel | Extend


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A change of a study's state that is allowed.

    Attributes:
        to: The new state; it may be the old one when only the rules change.
        reason: Why it ended, where the move ends it.
        message: The same in words.
        stopping: New rules in force; None leaves them.
        notes: What a person should be told, one sentence each, the most important first.
    """

    to: StudyState
    notes: tuple[str, ...]
    reason: StopReason | None = None
    message: str = ""
    stopping: StoppingRules | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a command makes no sense for the study as it is, and what would."""

    why: str


_CAUSES = {
    StopReason.TRIALS: "all trials done",
    StopReason.TIME: "time is up",
    StopReason.TARGET: "target reached",
    StopReason.PLATEAU: "no more improvement",
    StopReason.EXHAUSTED: "every point tried",
    StopReason.MANUAL: "stopped by hand",
    StopReason.ERROR: "an error",
}


def standing(study: StudyRecord) -> str:
    """A study's state in words, with the reason: ``finished (target reached)``."""
    return str(study.state) if study.reason is None else f"{study.state} ({_CAUSES[study.reason]})"


def decide_move(command: Command, study: StudyRecord) -> Move | Refusal:
    """The move that a command means for a study as it stands now, or why there is none."""
    match command:
        case Pause():
            return _pause(study)
        case Resume():
            return _resume(study)
        case Cancel():
            return _cancel(study)
        case Extend():
            return _extend(study, command)


def _pause(study: StudyRecord) -> Move | Refusal:
    if study.state in {StudyState.SUBMITTED, StudyState.RUNNING}:
        return Move(to=StudyState.PAUSED, notes=("paused; running trials go on to their end",))
    if study.state is StudyState.PAUSED:
        return Refusal(why=f"{study.name!r} is paused already; use resume to continue it")
    return _refused(study, "there is nothing to pause")


def _resume(study: StudyRecord) -> Move | Refusal:
    match study.state:
        case StudyState.PAUSED:
            return Move(to=StudyState.RUNNING, notes=("resumed",))
        case StudyState.FAILED:
            return Move(to=StudyState.RUNNING, notes=("resumed after its failure; finished trials are kept",))
        case StudyState.FINISHED:
            return _refused(study, "use extend to add trials")
        case StudyState.CANCELLED:
            return _refused(study, "cancelling is for good: run its study file with --new")
        case StudyState.SUBMITTED:
            return _refused(study, "it starts as soon as a scheduler runs")
        case StudyState.RUNNING:
            return _refused(study, "there is nothing to resume")


def _cancel(study: StudyRecord) -> Move | Refusal:
    if study.state.ended:
        return _refused(study, "there is nothing to cancel")
    return Move(
        to=StudyState.CANCELLED,
        reason=StopReason.MANUAL,
        message="cancelled by hand",
        notes=("cancelled; running trials are stopped and finished ones are kept",),
    )


def _extend(study: StudyRecord, command: Extend) -> Move | Refusal:
    if study.state is StudyState.CANCELLED:
        return _refused(study, "cancelling is for good: run its study file with --new")
    if study.state is StudyState.FAILED:
        return _refused(study, "use resume first")
    if study.reason is StopReason.EXHAUSTED:
        return _refused(study, "its search space holds no further point, so more trials cannot be added")
    if study.state is StudyState.FINISHED:
        return _reopened(study, command)
    if study.stopping.trials is None:
        return _refused(study, "no number of trials limits it, so there is none to raise")
    budget = study.stopping.trials + command.trials
    return Move(
        to=study.state,
        reason=study.reason,
        message=study.message,
        stopping=replace(study.stopping, trials=budget),
        notes=(f"the budget of trials is now {budget} = {study.stopping.trials} + {command.trials}",),
    )


def _reopened(study: StudyRecord, command: Extend) -> Move:
    # A study that stopped early goes on for as many trials as were asked for, not for what its old budget had left.
    done = command.done if study.stopped_at is None else study.stopped_at
    budget = done + command.trials
    rules, dropped = _without_rule(study.stopping, study.reason)
    return Move(
        to=StudyState.RUNNING,
        stopping=replace(rules, trials=budget),
        notes=(f"the budget of trials is now {budget} = {done} + {command.trials}", *dropped),
    )


def _without_rule(rules: StoppingRules, reason: StopReason | None) -> tuple[StoppingRules, Sequence[str]]:
    match reason:
        case StopReason.TARGET:
            note = f"the target of {rules.target} was reached and does not stop the study any more"
            return replace(rules, target=None), [note]
        case StopReason.PLATEAU:
            window = "" if rules.plateau is None else f" over {rules.plateau.trials} trials"
            note = f"the rule to stop without improvement{window} held and does not stop the study any more"
            return replace(rules, plateau=None), [note]
        case StopReason.TIME:
            limit = "" if rules.time_s is None else f" of {rules.time_s:g} s"
            note = f"the time limit{limit} is used up and does not stop the study any more"
            return replace(rules, time_s=None), [note]
        case _:
            return rules, []


def _refused(study: StudyRecord, why: str) -> Refusal:
    return Refusal(why=f"{study.name!r} is {standing(study)}; {why}")
