"""Everything that can be known of a study before anything is queued, and the artifacts that its workers need.

``inspect_study`` reads the data, builds the model, makes the folds and tries the model on a few rows. All problems
are told at once, each with its line in the study file. It decides nothing about suggestions.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from tenfold_common.data.dataset import Dataset
from tenfold_common.domain.spec import EvaluationSpec
from tenfold_common.domain.splitters import Splitter
from tenfold_common.domain.study_file import ReadStudy
from tenfold_common.domain.words import ContentHash, Direction
from tenfold_common.errors import DataError, StudyFileError
from tenfold_common.modelling.dry_run import quiet
from tenfold_common.modelling.fold_rows import Splits, splits_to_bytes
from tenfold_common.modelling.inspector import Facts, Inspector, code_folder, feature_names, model_of
from tenfold_common.modelling.loading import importing_from
from tenfold_common.modelling.scoring import Task
from tenfold_common.ports import Artifacts

_LARGEST_GRID: Final = 100_000  # counting takes some microseconds per point


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What was found out about a study.

    Attributes:
        dataset: The data.
        splits: The folds.
        splitter: The splitter that made them, chosen where the study file names none.
        target: Name of the target column.
        drop: Columns besides the target that the model does not see.
        task: What the model predicts.
        metrics: Names of the metrics, the optimised one first, chosen where the study file names none.
        direction: Which scores of the first metric are better.
        n_folds: Number of folds.
        rows: Rows of the data.
        features: Columns that the model sees.
        class_counts: Rows per class, by the class's text; empty for a regression.
        grid_size: Number of points of a grid search, counted up to a hundred thousand; None for other strategies.
        warnings: What a person should be told, one sentence each.
    """

    dataset: Dataset
    splits: Splits
    splitter: Splitter
    target: str
    drop: tuple[str, ...]
    task: Task
    metrics: tuple[str, ...]
    direction: Direction
    n_folds: int
    rows: int
    features: int
    class_counts: Mapping[str, int]
    grid_size: int | None
    warnings: tuple[str, ...]


class Stored(NamedTuple):
    """The artifacts of a study."""

    spec: EvaluationSpec
    spec_hash: ContentHash
    data_hash: ContentHash
    splits_hash: ContentHash
    code_hash: ContentHash | None


def inspect_study(
    read: ReadStudy, *, base: Path, dry_run: bool = True, on_dry_run: Callable[[], None] | None = None
) -> Inspection:
    """Look at a study's data, model, metrics, folds and space, and try them out.

    Args:
        read: The study file.
        base: Folder that its relative paths start from.
        dry_run: Whether to fit and score the model once on at most a few hundred rows.
        on_dry_run: Called just before that, when everything but the user's own code has been seen to work.

    Raises:
        StudyFileError: With everything that is wrong.
    """
    with quiet(), importing_from(code_folder(read.study, base)):
        inspector = Inspector(read, base)
        return _inspection(read, inspector.inspect(dry_run=dry_run, on_dry_run=on_dry_run), inspector.warnings)


def store_inspection(read: ReadStudy, inspection: Inspection, artifacts: Artifacts, *, base: Path) -> Stored:
    """Store what workers need of an inspected study: data, folds, the user's code, and the spec that names them.

    Raises:
        StudyFileError: If the code cannot be bundled.
    """
    from tenfold_common.data.sources import store_dataset

    code_hash = _store_code(read, artifacts, base)
    spec = EvaluationSpec(
        model=model_of(read.study),
        metrics=inspection.metrics,
        data_hash=store_dataset(inspection.dataset, artifacts),
        target=inspection.target,
        drop=inspection.drop,
        splits_hash=artifacts.put(splits_to_bytes(inspection.splits)),
        folds=inspection.n_folds,
        fold_timeout_s=read.study.fold_timeout_s,
        code_hash=code_hash,
        threads=read.study.execution.resources.cpu,
    )
    return Stored(spec, artifacts.put(spec.to_bytes()), spec.data_hash, spec.splits_hash, code_hash)


def _inspection(read: ReadStudy, facts: Facts, warnings: Sequence[str]) -> Inspection:
    study = read.study
    return Inspection(
        dataset=facts.dataset,
        splits=facts.splits,
        splitter=facts.splitter,
        target=facts.roles.target,
        drop=facts.roles.unseen,
        task=facts.task,
        metrics=tuple(metric.name for metric in facts.metrics),
        direction=facts.metrics[0].direction,
        n_folds=len(facts.splits),
        rows=facts.dataset.rows,
        features=len(feature_names(facts.features)) or int(facts.features[0].size),
        class_counts={str(label): count for label, count in facts.classes.items()},
        grid_size=study.space().grid_size(_LARGEST_GRID) if study.search.strategy == "grid" else None,
        warnings=tuple(warnings),
    )


def _store_code(read: ReadStudy, artifacts: Artifacts, base: Path) -> ContentHash | None:
    folder = code_folder(read.study, base)
    if folder is None:
        return None
    from tenfold_common.provenance.code import pack_code

    try:
        return artifacts.put(pack_code(folder))
    except DataError as error:
        raise StudyFileError(read.source, [read.problem("code", str(error))]) from error
