"""The fake store and the real one agree on everything, for any sequence of operations."""

import tempfile
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Final

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tenfold_common.domain.changes import (
    AddElapsed,
    AddTrial,
    Change,
    DiscardTrials,
    EndAttempt,
    EndTrial,
    MoveStudy,
    PublishAttempt,
    StartAttempt,
)
from tenfold_common.domain.records import StudyFacts, StudyRecord
from tenfold_common.domain.stopping import Plateau, StoppingRules
from tenfold_common.domain.trial import AttemptKey, Failure, FoldResult
from tenfold_common.domain.words import (
    AttemptState,
    ContentHash,
    Direction,
    FailureKind,
    Json,
    StopReason,
    StudyId,
    StudyState,
    TrialState,
)
from tenfold_common.errors import TenfoldError
from tenfold_common.ports import Store
from tenfold_common.store.memory import MemoryStore
from tenfold_common.store.open import open_store
from tests.contract.store_facts import NOON, TurnedClock

IDS: Final = [StudyId(f"{number:016x}") for number in range(3)]
HASHES: Final = st.sampled_from([ContentHash("a" * 64), ContentHash("b" * 64)])
HOLDERS: Final = st.sampled_from(["one", "two", "\0"])

texts = st.text(st.characters(exclude_categories=()), max_size=6)
numbers = st.integers(0, 3)
finite = st.floats(allow_nan=False, allow_infinity=False)
any_float = st.one_of(finite, finite, finite, st.floats())  # now and then one that must be refused
seconds = st.floats(0, 1e6)
json_values: st.SearchStrategy[Json] = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), finite, texts),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=5,
)
objects = st.dictionaries(texts, json_values, max_size=3)

folds = st.lists(
    st.builds(
        FoldResult,
        fold=numbers,
        scores=st.dictionaries(texts, any_float, max_size=2),
        fit_s=seconds,
        score_s=seconds,
        train_rows=numbers,
        validation_rows=numbers,
        warnings=st.lists(texts, max_size=2).map(tuple),
    ),
    max_size=2,
).map(tuple)
failures = st.none() | st.builds(
    Failure, kind=st.sampled_from(FailureKind), message=texts, fold=st.none() | numbers, traceback=texts
)
rules = st.builds(
    StoppingRules,
    trials=st.none() | numbers,
    time_s=st.none() | seconds,
    target=st.none() | finite,
    plateau=st.none() | st.builds(Plateau, trials=numbers, min_delta=finite),
)
facts = st.builds(
    StudyFacts,
    strategy=texts,
    learns=st.booleans(),
    lag=st.none() | numbers,
    metrics=st.lists(texts, min_size=1, max_size=2).map(tuple),
    direction=st.sampled_from(Direction),
    folds=numbers,
    rows=numbers,
    features=numbers,
    data_hash=HASHES,
    splits_hash=HASHES,
    spec_hash=HASHES,
    code_hash=st.none() | HASHES,
    queue=texts,
    attempts=numbers,
    environment=st.dictionaries(texts, texts, max_size=2),
)
studies = st.builds(
    StudyRecord,
    id=st.sampled_from(IDS),
    name=st.sampled_from(["digits", "wine", "grö\0e", IDS[0]]),
    seed=st.integers(0, 2**130),
    state=st.sampled_from(StudyState),
    reason=st.none() | st.sampled_from(StopReason),
    message=texts,
    revision=numbers,
    document=objects,
    document_hash=HASHES,
    facts=facts,
    stopping=rules,
    stopped_at=st.none() | numbers,
    elapsed_s=any_float,
    created_at=st.integers(0, 5).map(lambda seconds: NOON + timedelta(seconds=seconds)),
    started_at=st.none() | st.just(NOON),
    ended_at=st.none() | st.just(NOON),
)


def changes_of(study: StudyId) -> st.SearchStrategy[Change]:
    """Any change of one study; few numbers, so that changes meet each other."""
    keys = st.builds(AttemptKey, st.just(study), numbers, st.integers(0, 1), st.integers(1, 2))
    added = st.builds(
        AddTrial,
        number=numbers,
        params=objects,
        seed=st.integers(0, 2**32 - 1),
        conditioned_on=numbers,
    )
    ended = st.builds(
        EndTrial,
        number=numbers,
        state=st.sampled_from([TrialState.SUCCEEDED, TrialState.FAILED]),
        score=st.none() | any_float,
        folds=folds,
        failure=failures,
        seconds=st.none() | any_float,
        fingerprint=st.none() | HASHES,
    )
    attempt_ended = st.builds(
        EndAttempt,
        key=keys,
        state=st.sampled_from([AttemptState.SUCCEEDED, AttemptState.FAILED, AttemptState.LOST, AttemptState.REVOKED]),
        worker=st.none() | texts,
        fingerprint=st.none() | HASHES,
        results=folds,
        failure=failures,
        seconds=st.none() | any_float,
        counts=st.booleans(),
    )
    moved = st.builds(
        MoveStudy,
        to=st.sampled_from(StudyState),
        allowed_from=st.lists(st.sampled_from(StudyState), max_size=6).map(tuple),
        reason=st.none() | st.sampled_from(StopReason),
        message=texts,
        stopped_at=st.none() | numbers,
    )
    return st.one_of(
        added,
        added,
        st.builds(PublishAttempt, key=keys, folds=st.lists(numbers, max_size=3).map(tuple)),
        st.builds(StartAttempt, key=keys, worker=texts, fingerprint=HASHES),
        attempt_ended,
        ended,
        st.builds(DiscardTrials, from_number=st.integers(1, 4)),
        st.builds(AddElapsed, seconds=seconds),
        moved,
    )


transactions = st.sampled_from(IDS).flatmap(
    lambda study: st.tuples(st.just(study), st.lists(changes_of(study), max_size=6))
)


class TwoStores(RuleBasedStateMachine):
    """Does the same to both stores and compares what they say and what they hold."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = TurnedClock()
        self.folder = tempfile.TemporaryDirectory()
        url = f"sqlite:///{Path(self.folder.name) / 'tenfold.db'}"
        self.stores: tuple[Store, Store] = (MemoryStore(clock=self.clock), open_store(url, clock=self.clock))

    def teardown(self) -> None:
        """Close both."""
        for store in self.stores:
            store.close()
        self.folder.cleanup()

    def agree(self, ask: Callable[[Store], object]) -> None:
        """Ask both stores; their answers, or their errors, must be the same."""
        fake, real = (self.answer(ask, store) for store in self.stores)
        assert fake == real

    @staticmethod
    def answer(ask: Callable[[Store], object], store: Store) -> object:
        """What a store answers, or how it refuses."""
        try:
            return ask(store)
        except (TenfoldError, ValueError) as error:
            return type(error), str(error)

    @rule(seconds=st.sampled_from([0.000_001, 1.0, 30.0]))
    def turn_the_clock(self, seconds: float) -> None:
        """Time passes."""
        self.clock.turn(seconds)

    @rule(study=studies)
    def add_study(self, study: StudyRecord) -> None:
        """A client submits."""
        self.agree(lambda store: store.add_study(study))

    @rule(transaction=transactions, epoch=st.integers(0, 3))
    def apply(self, transaction: tuple[StudyId, Sequence[Change]], epoch: int) -> None:
        """A scheduler writes."""
        study, changes = transaction
        self.agree(lambda store: store.apply(study, changes, epoch=epoch))

    @rule(transaction=transactions)
    def apply_newest(self, transaction: tuple[StudyId, Sequence[Change]]) -> None:
        """The scheduler that nobody has fenced writes."""
        study, changes = transaction
        self.agree(lambda store: store.apply(study, changes, epoch=99))

    @rule(
        study=st.sampled_from(IDS),
        revision=numbers,
        to=st.sampled_from(StudyState),
        reason=st.none() | st.sampled_from(StopReason),
        message=texts,
        stopping=st.none() | rules,
    )
    def move_study(
        self,
        study: StudyId,
        revision: int,
        to: StudyState,
        reason: StopReason | None,
        message: str,
        stopping: StoppingRules | None,
    ) -> None:
        """A person intervenes."""
        self.agree(
            lambda store: store.move_study(
                study, revision=revision, to=to, reason=reason, message=message, stopping=stopping
            )
        )

    @rule(holder=HOLDERS, ttl_s=st.sampled_from([0.5, 20.0]))
    def lock(self, holder: str, ttl_s: float) -> None:
        """A scheduler takes or renews the lock."""
        self.agree(lambda store: store.lock_scheduler(holder, ttl_s=ttl_s))

    @rule(holder=HOLDERS)
    def unlock(self, holder: str) -> None:
        """A scheduler leaves."""
        self.agree(lambda store: store.unlock_scheduler(holder))

    @rule(fingerprint=HASHES, known=objects)
    def add_fingerprint(self, fingerprint: ContentHash, known: dict[str, Json]) -> None:
        """A worker introduces itself."""
        self.agree(lambda store: store.add_fingerprint(fingerprint, known))
        self.agree(lambda store: store.fingerprint(fingerprint))

    @rule(study=st.sampled_from(IDS), number=numbers, name=st.sampled_from(["digits", "grö\0e", IDS[0], IDS[2]]))
    def look(self, study: StudyId, number: int, name: str) -> None:
        """Somebody asks for one thing, which may not be there."""
        self.agree(lambda store: store.study(name))
        self.agree(lambda store: store.trial(study, number))
        self.agree(lambda store: store.attempts(study, number, open_only=True))
        self.agree(lambda store: store.studies([StudyState.RUNNING, StudyState.FAILED]))
        self.agree(lambda store: store.study_by_document(ContentHash("a" * 64)))

    @invariant()
    def both_hold_the_same(self) -> None:
        """Everything that can be read."""
        self.agree(lambda store: store.studies())
        self.agree(lambda store: store.scheduler())
        for study in IDS:
            self.agree(lambda store, study=study: store.trials(study))  # type: ignore[misc]  # binds the loop's study
            self.agree(lambda store, study=study: store.trials(study, discarded=True))  # type: ignore[misc]  # the same
            self.agree(lambda store, study=study: store.attempts(study))  # type: ignore[misc]  # the same


TestTwoStores = TwoStores.TestCase
TestTwoStores.settings = settings(
    max_examples=20,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],  # explaining takes minutes here
)
