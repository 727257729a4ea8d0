"""The promise of strict order: whatever happens on the way, the trial table is a function of the study alone."""

from dataclasses import dataclass, field, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from tenfold_common.domain.assignment import Ended
from tenfold_common.domain.changes import AddTrial, DiscardTrials, EndTrial, MoveStudy
from tenfold_common.domain.seeds import Stream, integer_seed
from tenfold_common.domain.stopping import Plateau, StoppingRules
from tenfold_common.domain.trial import AttemptKey, Failure, FoldResult
from tenfold_common.domain.words import (
    ContentHash,
    Direction,
    FailureKind,
    Params,
    StopReason,
    StudyId,
    StudyState,
)
from tenfold_scheduler.decide import (
    Ask,
    AttemptEnded,
    AttemptLost,
    AttemptStarted,
    Dispatch,
    Event,
    Publish,
    Suggested,
    Wake,
    decide,
)
from tenfold_scheduler.progress import Plan, StudyProgress

FOLDS = 3
MACHINE = ContentHash("0" * 64)


def a_plan(lag: int | None, stopping: StoppingRules) -> Plan:
    """A study of three folds."""
    return Plan(
        study=StudyId("s"),
        name="s",
        seed=7,
        lag=lag,
        metric="accuracy",
        direction=Direction.MAXIMIZE,
        folds=FOLDS,
        queue="cpu",
        spec_hash=MACHINE,
        attempts=3,
        stopping=stopping,
    )


def suggestion(progress: StudyProgress, ask: Ask) -> Params:
    """A made-up strategy: depends on the number, on exactly the observations allowed, and on what is pending."""
    seen = progress.observed[: ask.conditioned_on]
    pending = progress.pending(ask.number, ask.conditioned_on)
    past = hash((ask.number, tuple((o.number, o.score) for o in seen), tuple(p["x"] for p in pending)))
    return {"x": past % 100_003}


def outcome(number: int, params: Params) -> tuple[tuple[FoldResult, ...], Failure | None]:
    """A made-up model: its scores and failures are a function of the trial."""
    x = params["x"]
    assert isinstance(x, int)
    if x % 11 == 0:
        return (), Failure(kind=FailureKind.EXCEPTION, message="boom", fold=0)
    folds = tuple(
        FoldResult(
            fold=fold,
            scores={"accuracy": (integer_seed(x, Stream.TRIAL, number, fold) % 1000) / 1000},
            fit_s=0.0,
            score_s=0.0,
            train_rows=2,
            validation_rows=1,
        )
        for fold in range(FOLDS)
    )
    return folds, None


@dataclass
class Cluster:
    """Runs the core against an adversary that picks what happens next."""

    progress: StudyProgress
    table: dict[int, tuple[object, ...]] = field(default_factory=dict)
    answers: list[Suggested] = field(default_factory=list)
    out: list[AttemptKey] = field(default_factory=list)
    started: list[AttemptKey] = field(default_factory=list)
    end: tuple[StopReason | None, int | None] | None = None
    ends_of: dict[int, int] = field(default_factory=dict)

    def feed(self, event: Event) -> None:
        """Let the core decide, and keep the table as the store would."""
        self.progress, effects = decide(self.progress, event)
        for effect in effects:
            match effect:
                case AddTrial(number=number, params=params, seed=seed):
                    assert number not in self.table, "a suggestion was written twice"
                    self.table[number] = (params, seed)
                case EndTrial(number=number, state=state, score=score, folds=folds):
                    self.ends_of[number] = self.ends_of.get(number, 0) + 1
                    assert self.ends_of[number] == 1, "a trial was recorded twice"
                    self.table[number] = (*self.table[number], state, score, folds)
                case DiscardTrials(from_number=first):
                    self.table = {number: row for number, row in self.table.items() if number < first}
                case MoveStudy(to=StudyState.FINISHED, reason=reason, stopped_at=at):
                    self.end = (reason, at)
                case Publish(assignment=assignment):
                    self.out.append(assignment.key)
                case Ask(number=number):
                    params = suggestion(self.progress, effect)
                    self.answers.append(Suggested(number=number, params=params))

    def step(self, data: st.DataObject) -> None:
        """One thing happens, chosen by the adversary."""
        moves = ["dispatch"]
        moves += ["answer"] * bool(self.answers) + ["start"] * bool(self.out) + ["end"] * bool(self.out)
        moves += ["lose"] * bool(self.started)
        move = data.draw(st.sampled_from(moves))
        if move == "dispatch":
            self.feed(Dispatch(limit=data.draw(st.integers(0, 9)), ahead=data.draw(st.integers(1, 12))))
        elif move == "answer":
            self.feed(self.answers.pop(0))
        elif move == "start":
            key = data.draw(st.sampled_from(self.out))
            self.started.append(key)
            self.feed(AttemptStarted(key=key, worker="w", fingerprint=MACHINE))
        elif move == "end":
            self.finish(data.draw(st.sampled_from(self.out)), forget=data.draw(st.booleans()))
        else:
            self.feed(AttemptLost(key=data.draw(st.sampled_from(self.started)), counts=False))

    def finish(self, key: AttemptKey, *, forget: bool) -> None:
        """A result arrives; unless forgotten it may arrive again later."""
        if forget:
            self.out.remove(key)
        open_trial = self.progress.open.get(key.trial)
        folds, failure = outcome(key.trial, open_trial.params if open_trial else {"x": 1})
        self.feed(
            AttemptEnded(Ended(key=key, worker="w", fingerprint=MACHINE, folds=folds, failure=failure, seconds=1.0))
        )

    def run_to_the_end(self) -> None:
        """What an undisturbed single worker does from here on."""
        for _ in range(10_000):
            if self.end is not None:
                return
            self.feed(Dispatch(limit=1, ahead=12))
            if self.answers:
                self.feed(self.answers.pop(0))
            for key in list(self.out):
                self.finish(key, forget=True)
        raise AssertionError("the study never ended")


def fresh(lag: int | None, stopping: StoppingRules) -> Cluster:
    """A study that has just been picked up."""
    plan = a_plan(lag, stopping)
    cluster = Cluster(StudyProgress(plan=plan, state=StudyState.SUBMITTED))
    cluster.feed(Wake())
    return cluster


RULES: list[StoppingRules] = [
    StoppingRules(trials=12),
    StoppingRules(trials=25, target=0.62),
    StoppingRules(trials=25, plateau=Plateau(trials=4, min_delta=0.01)),
]


@given(data=st.data(), lag=st.sampled_from([None, 1, 3, 8]), rules=st.sampled_from(RULES))
@settings(max_examples=150, deadline=None)
def test_any_order_of_events_gives_the_table_of_one_undisturbed_worker(
    data: st.DataObject, lag: int | None, rules: StoppingRules
) -> None:
    """Duplicates, losses, late results, any interleaving: the same rows, the same stop."""
    calm, wild = fresh(lag, rules), fresh(lag, rules)
    calm.run_to_the_end()
    for _ in range(data.draw(st.integers(0, 80))):
        wild.step(data)
    wild.run_to_the_end()
    assert wild.table == calm.table
    assert wild.end == calm.end


def test_a_trial_whose_worker_is_lost_too_often_fails_and_the_study_goes_on() -> None:
    """Machine trouble is bounded by ``attempts``; then the trial, not the study, fails."""
    cluster = fresh(1, StoppingRules(trials=2))
    cluster.feed(cluster.answers.pop())
    for attempt in range(1, 4):
        cluster.feed(Dispatch(limit=1, ahead=5))
        assert cluster.out[-1].attempt == attempt
        cluster.feed(AttemptLost(key=cluster.out[-1]))
    assert cluster.table[0][2] == "failed"
    assert cluster.answers[-1].number == 1


def test_losses_that_do_not_count_never_fail_a_trial() -> None:
    """A broker restart or a hand-back is nobody's fault."""
    cluster = fresh(1, StoppingRules(trials=1))
    cluster.feed(cluster.answers.pop())
    for _ in range(10):
        cluster.feed(Dispatch(limit=1, ahead=5))
        cluster.feed(AttemptLost(key=cluster.out[-1], counts=False))
    assert cluster.ends_of == {}


def test_a_paused_study_publishes_nothing_but_records_what_comes_back() -> None:
    """Pausing stops new work; results that are on their way are kept."""
    cluster = fresh(None, StoppingRules(trials=9))
    for _ in range(3):
        cluster.feed(cluster.answers.pop(0))
    cluster.feed(Dispatch(limit=1, ahead=9))
    cluster.progress = replace(cluster.progress, state=StudyState.PAUSED)
    cluster.feed(Dispatch(limit=5, ahead=9))
    assert len(cluster.out) == 1
    cluster.finish(cluster.out[0], forget=True)
    assert cluster.ends_of == {0: 1}


def test_an_exhausted_strategy_ends_the_study_after_the_last_point() -> None:
    """A grid of two points is a study of two trials, whatever the budget."""
    cluster = fresh(None, StoppingRules(trials=9))
    for number in range(2):
        cluster.feed(Suggested(number=number, params={"x": 1}))
    cluster.feed(Suggested(number=2, params=None))
    assert cluster.end is None
    cluster.run_to_the_end()
    assert cluster.end == (StopReason.EXHAUSTED, 2)
