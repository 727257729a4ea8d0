"""Submitting a study: what makes it the same one again, which name it gets, what the person is told."""

import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tenfold.submission import (
    Submitted,
    carry_out,
    differing_keys,
    environment_of,
    free_name,
    identity_of,
    lag_for,
    modules_hash,
    read_study_file,
    strategy_for,
    submit_study,
)
from tenfold_common.artifacts.store import LocalArtifacts
from tenfold_common.domain.canonical import content_hash
from tenfold_common.domain.moves import Move, Pause, Refusal, Resume
from tenfold_common.domain.stopping import StoppingRules
from tenfold_common.domain.study_file import ReadStudy, read_study
from tenfold_common.domain.words import ContentHash, Direction, Json, StudyState
from tenfold_common.errors import MisuseError, StudyFileError
from tenfold_common.modelling.findings import Findings, findings_from_json, findings_to_json
from tenfold_common.store.memory import MemoryStore
from tenfold_scheduler.strategies.registry import load_strategy

TEXT = """
name: study
seed: {seed}
data: {{source: "sklearn:iris"}}
model: {{estimator: sklearn.tree.DecisionTreeClassifier}}
search:
  strategy: {strategy}
  space:
    max_depth: {{int: [1, 8]}}
stopping: {{trials: {trials}}}
"""

FINDINGS = Findings(
    metrics=("accuracy",),
    direction=Direction.MAXIMIZE,
    folds=5,
    rows=150,
    features=4,
    data_hash=content_hash(b"data"),
    splits_hash=content_hash(b"splits"),
    spec_hash=content_hash(b"spec"),
    code_hash=None,
    warnings=("be careful",),
)


class FakeClock:
    """Time that moves by a minute with every look."""

    def __init__(self) -> None:
        self._now = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        """A minute later than last time."""
        self._now += timedelta(minutes=1)
        return self._now

    def monotonic_s(self) -> float:
        """The same in seconds."""
        return self.now().timestamp()


@dataclass
class Desk:
    """Where studies are submitted in these tests."""

    store: MemoryStore
    artifacts: LocalArtifacts
    clock: FakeClock

    def submit(self, read: ReadStudy, findings: Findings = FINDINGS, *, new: bool = False) -> Submitted:
        """Submit a study whose data and model look like this."""
        return submit_study(
            read,
            base=Path(),
            store=self.store,
            artifacts=self.artifacts,
            clock=self.clock,
            new=new,
            inspect=lambda _read, _base: findings,
        )

    def bundle(self, **files: str) -> ContentHash:
        """Store a code bundle."""
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for name, text in files.items():
                archive.writestr(name.replace("_", "."), text)
        return self.artifacts.put(buffer.getvalue())


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """An empty store."""
    clock = FakeClock()
    return Desk(MemoryStore(clock=clock), LocalArtifacts(tmp_path), clock)


def _read(*, seed: int = 1, trials: int = 20, strategy: str = "random") -> ReadStudy:
    return read_study(TEXT.format(seed=seed, trials=trials, strategy=strategy), source="study.yaml")


def test_a_study_is_written_down_once(desk: Desk) -> None:
    """The same document on the same data is found again; warnings are told the first time only."""
    first = desk.submit(_read())
    again = desk.submit(_read())
    assert (first.created, again.created) == (True, False)
    assert again.study == desk.store.study("study")
    assert first.notes == ("be careful",)
    assert again.notes == ()


def test_a_new_study_waits_for_a_scheduler(desk: Desk) -> None:
    """Its facts are those that were found out; it has an identity of its own."""
    study = desk.submit(_read(strategy="bayesian", trials=100)).study
    assert study.state is StudyState.SUBMITTED
    assert study.seed == 1
    assert len(study.id) == 16
    facts = study.facts
    assert (facts.strategy, facts.learns, facts.lag) == ("bayesian", True, 10)
    assert (facts.folds, facts.rows, facts.queue, facts.attempts) == (5, 150, "cpu", 3)
    assert "scikit-learn" in facts.environment


def test_asking_for_a_new_one_gives_the_next_free_name(desk: Desk) -> None:
    """And from then on the newest of equal studies is the one that is found again."""
    desk.submit(_read())
    second = desk.submit(_read(), new=True)
    assert second.created
    assert second.study.name == "study-2"
    assert second.notes[0] == "study was run before; this is a new study: study-2"
    assert desk.submit(_read()).study.name == "study-2"
    assert desk.submit(_read(), new=True).study.name == "study-3"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda: (_read(seed=2), FINDINGS), "seed"),
        (lambda: (_read(), replace(FINDINGS, data_hash=content_hash(b"other"))), "its data"),
    ],
)
def test_another_document_or_data_is_another_study(
    desk: Desk, change: Callable[[], tuple[ReadStudy, Findings]], words: str
) -> None:
    """The person is told what differs from the one before."""
    desk.submit(_read())
    read, findings = change()
    other = desk.submit(read, findings)
    assert other.created
    assert other.notes[0] == f"study differs in {words}; this is a new study: study-2"


def test_more_trials_can_be_had_without_a_new_study(desk: Desk) -> None:
    """Who only changes the stopping rules is told of ``extend``."""
    desk.submit(_read())
    assert any("tenfold extend study" in note for note in desk.submit(_read(trials=30)).notes)


def test_the_users_modules_are_part_of_the_study_and_other_files_are_not(desk: Desk) -> None:
    """A result or a note that lands in the folder of the code must not make an interrupted study another one."""
    before = replace(FINDINGS, code_hash=desk.bundle(model_py="a = 1"))
    beside = replace(FINDINGS, code_hash=desk.bundle(model_py="a = 1", notes_txt="hello"))
    changed = replace(FINDINGS, code_hash=desk.bundle(model_py="a = 2"))
    study = desk.submit(_read(), before).study
    again = desk.submit(_read(), beside)
    assert again.study == study
    assert "goes on with those it was submitted with" in again.notes[0]
    other = desk.submit(_read(), changed)
    assert other.created
    assert "its code" in other.notes[0]


def test_the_order_of_files_in_a_bundle_does_not_matter(desk: Desk) -> None:
    """Only their names and contents do."""
    one, two = desk.bundle(a_py="1", b_py="2"), desk.bundle(b_py="2", a_py="1")
    assert modules_hash(desk.artifacts.local(one)) == modules_hash(desk.artifacts.local(two))


def test_identity_depends_on_document_data_and_modules() -> None:
    """Each of the three alone makes another study."""
    data, modules = content_hash(b"d"), content_hash(b"m")
    base = identity_of({"seed": 1}, data_hash=data, modules=None)
    others = {
        identity_of({"seed": 2}, data_hash=data, modules=None),
        identity_of({"seed": 1}, data_hash=modules, modules=None),
        identity_of({"seed": 1}, data_hash=data, modules=modules),
    }
    assert len({base, *others}) == 4


@pytest.mark.parametrize(
    ("strategy", "given", "trials", "lag"),
    [
        ("bayesian", "auto", 10, 4),
        ("bayesian", "auto", 60, 6),
        ("bayesian", "auto", 5_000, 64),
        ("bayesian", "auto", None, 8),
        ("bayesian", 3, 60, 3),
        ("random", "auto", 60, None),
        ("random", 3, 60, None),
    ],
)
def test_the_lag_rule(strategy: str, given: int | str, trials: int | None, lag: int | None) -> None:
    """A tenth of the trials, at least 4, at most 64; 8 without a number of trials; none where nothing is learned."""
    assert lag_for(load_strategy(strategy), given, StoppingRules(trials=trials)) == lag


def test_a_strategy_that_cannot_search_the_space_is_told_with_its_line() -> None:
    """Only the strategy knows its options."""
    text = TEXT.format(seed=1, trials=5, strategy="random\n  options: {colour: red}")
    with pytest.raises(StudyFileError, match=r"study\.yaml:7: search\.strategy: .*colour"):
        strategy_for(read_study(text, source="study.yaml"))


def test_free_names_count_on() -> None:
    """Gaps are used, suffixes are never doubled."""
    assert free_name("a", set()) == "a"
    assert free_name("a", {"a", "a-2", "a-4"}) == "a-3"


@pytest.mark.parametrize(
    ("a", "b", "keys"),
    [
        ({"x": 1}, {"x": 1}, []),
        ({"x": {"y": 1, "z": [1]}}, {"x": {"y": 2, "z": [2]}}, ["x.y", "x.z"]),
        ({"x": None}, {}, ["x"]),
        ({"x": 1}, {"x": {"y": 1}}, ["x"]),
        ({"x": True}, {"x": 1}, ["x"]),
    ],
)
def test_differing_keys(a: Json, b: Json, keys: list[str]) -> None:
    """The deepest keys that say it."""
    assert list(differing_keys(a, b)) == keys


def test_the_environment_names_the_packages_of_the_model() -> None:
    """Nested estimators count, modules of the user's own do not."""
    inner: Json = {"class": "python:mine:Model", "params": {"base": {"class": "sklearn.svm.SVC"}}}
    environment = environment_of({"model": {"pipeline": [{"a": inner}]}})
    assert {"python", "scikit-learn", "numpy"} <= environment.keys()
    assert not any("mine" in name for name in environment)


def test_a_command_is_carried_out_or_refused(desk: Desk) -> None:
    """Pausing twice is refused in words; resuming works."""
    desk.submit(_read())
    assert isinstance(carry_out(desk.store, "study", Pause()), Move)
    assert desk.store.study("study").state is StudyState.PAUSED
    assert isinstance(carry_out(desk.store, "study", Pause()), Refusal)
    assert isinstance(carry_out(desk.store, "study", Resume()), Move)


def test_findings_survive_the_way_between_processes() -> None:
    """And what is no findings is refused."""
    assert findings_from_json(findings_to_json(FINDINGS)) == FINDINGS
    with pytest.raises(ValueError, match="malformed findings"):
        findings_from_json({"metrics": ["accuracy"]})


def test_a_missing_file_names_the_nearest(tmp_path: Path) -> None:
    """Or how to get a first one."""
    (tmp_path / "study.yaml").write_text("")
    with pytest.raises(MisuseError, match=r"did you mean .*study\.yaml"):
        read_study_file(tmp_path / "stduy.yaml")
    with pytest.raises(MisuseError, match="tenfold init"):
        read_study_file(tmp_path / "nowhere" / "x.yaml")


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    """With the place of the first byte that is none."""
    (tmp_path / "study.yaml").write_bytes(b"name: \xff")
    with pytest.raises(MisuseError, match="byte 6"):
        read_study_file(tmp_path / "study.yaml")
    with pytest.raises(MisuseError, match="cannot be read"):
        read_study_file(tmp_path)
