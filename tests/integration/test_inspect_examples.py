"""Every example can be submitted as it is, and its first trial's fold can be evaluated from the stored artifacts."""

from pathlib import Path

import pytest

from tenfold_common.artifacts.store import MemoryArtifacts
from tenfold_common.data.sources import open_stored
from tenfold_common.domain.spec import EvaluationSpec
from tenfold_common.domain.study_file import read_study
from tenfold_common.modelling.dry_run import middle_point
from tenfold_common.modelling.fold_rows import splits_from_path
from tenfold_common.modelling.inspect import inspect_study, store_inspection
from tenfold_common.modelling.loading import importing_from
from tenfold_common.provenance.code import unpack_code
from tenfold_worker.evaluation import evaluate_folds

EXAMPLES = Path(__file__).parents[2] / "examples"
FILES = sorted(path.relative_to(EXAMPLES).as_posix() for path in EXAMPLES.rglob("*.yaml"))


@pytest.mark.parametrize("name", FILES)
def test_an_example_is_sound_and_its_model_scores(name: str, tmp_path: Path) -> None:
    """No problem, no warning; what was stored is enough to evaluate a fold, twice the same."""
    path = EXAMPLES / name
    read = read_study(path.read_text(), source=name)
    inspection = inspect_study(read, base=path.parent)
    assert inspection.warnings == ()
    artifacts = MemoryArtifacts()
    stored = store_inspection(read, inspection, artifacts, base=path.parent)
    spec = EvaluationSpec.from_bytes(artifacts.local(stored.spec_hash).read_bytes())
    point = middle_point(read.study.space(), read.study.start_points())
    assert point is not None
    code = None if spec.code_hash is None else unpack_code(artifacts.local(spec.code_hash), cache=tmp_path)
    with importing_from(code):
        outcomes = [
            evaluate_folds(
                spec,
                open_stored(artifacts, spec.data_hash),
                splits_from_path(artifacts.local(spec.splits_hash)),
                point,
                study_seed=read.study.seed,
                trial=0,
                folds=[0],
                on_fold=lambda result: None,
                on_fold_begins=lambda fold: None,
            )
            for _ in range(2)
        ]
    assert outcomes[0].failure is None
    assert set(outcomes[0].folds[0].scores) == set(spec.metrics)
    assert outcomes[0].folds[0].scores == outcomes[1].folds[0].scores
    artifacts.close()


def test_there_are_examples() -> None:
    """An empty list would pass unseen."""
    assert "digits.yaml" in FILES
