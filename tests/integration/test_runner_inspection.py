"""Studies inspected by a runner of the embedded cluster: the same findings, and harm that stays in the runner."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tenfold.embedded import inspection
from tenfold.embedded.cluster import EmbeddedCluster, start_or_find
from tenfold.embedded.inspection import RunnerInspection
from tenfold_common.artifacts.store import open_artifacts
from tenfold_common.domain.study_file import ReadStudy, read_study
from tenfold_common.errors import StudyFileError, TransientError
from tenfold_common.modelling.findings import inspect_and_store
from tenfold_common.settings import read_settings

MODEL = """
import ctypes
import time

from sklearn.dummy import DummyClassifier


class Odd(DummyClassifier):
    def __init__(self, way="fine", strategy="prior"):
        super().__init__(strategy=strategy)
        self.way = way

    def fit(self, X, y):
        if self.way == "crashes":
            ctypes.string_at(0)
        if self.way == "hangs":
            time.sleep(60)
        return super().fit(X, y)
"""

TEXT = """
name: odd
code: .
data: {{source: "sklearn:iris"}}
model: {{estimator: "python:odd:Odd"}}
search:
  strategy: random
  space: {{way: {{choice: [{way}]}}}}
evaluation: {{folds: {{stratified: 3}}, metrics: [{metric}]}}
stopping: {{trials: 1}}
"""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedCluster]:
    """One cluster for all tests: whatever a study does to its runner, the next one finds another."""
    found = start_or_find(read_settings({}, home=tmp_path_factory.mktemp("home")), workers=1)
    assert isinstance(found, EmbeddedCluster)
    with found:
        yield found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A user's folder with a module of their own."""
    (tmp_path / "odd.py").write_text(MODEL)
    return tmp_path


def _read(way: str = "fine", metric: str = "accuracy") -> ReadStudy:
    return read_study(TEXT.format(way=way, metric=metric), source="odd.yaml")


def _inspect(cluster: EmbeddedCluster) -> RunnerInspection:
    return RunnerInspection(cluster.settings, meanwhile=lambda: None)


def test_a_runner_finds_out_what_this_process_would(cluster: EmbeddedCluster, folder: Path) -> None:
    """Findings and artifacts are the same, hash by hash."""
    artifacts = open_artifacts(cluster.settings.artifacts_url)
    found = _inspect(cluster)(_read(), folder)
    assert found == inspect_and_store(_read(), base=folder, artifacts=artifacts)
    assert artifacts.has(found.spec_hash)


def test_problems_come_back_with_their_lines(cluster: EmbeddedCluster, folder: Path) -> None:
    """As if they had been found here."""
    with pytest.raises(StudyFileError, match=r"odd\.yaml:9: evaluation\.metrics.*acuracy") as caught:
        _inspect(cluster)(_read(metric="acuracy"), folder)
    with pytest.raises(StudyFileError) as expected:
        inspect_and_store(_read(metric="acuracy"), base=folder, artifacts=open_artifacts(str(folder / "artifacts")))
    assert caught.value.problems == expected.value.problems


def test_a_model_that_crashes_is_told_of_and_not_tried_again(cluster: EmbeddedCluster, folder: Path) -> None:
    """Its trials will fail, each for itself; the study can be submitted."""
    found = _inspect(cluster)(_read("crashes"), folder)
    assert found.warnings[-1].endswith("its process was ended by SIGSEGV: expect trials to fail")


def test_a_model_that_hangs_is_told_of(
    cluster: EmbeddedCluster, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits for ever for a fit on a few rows."""
    monkeypatch.setattr(inspection, "TRIAL_FIT_S", 0.5)
    found = _inspect(cluster)(_read("hangs"), folder)
    assert "was not done after" in found.warnings[-1]


def test_without_a_worker_there_is_no_runner(
    cluster: EmbeddedCluster, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command then looks at the study itself."""
    monkeypatch.setattr(inspection, "_WORKER_START_S", 0.05)
    nowhere = replace(cluster.settings, broker_url=f"redis+socket://{folder}/broker.sock")
    with pytest.raises(TransientError, match="has not come up"):
        RunnerInspection(nowhere, meanwhile=lambda: None)(_read(), folder)
