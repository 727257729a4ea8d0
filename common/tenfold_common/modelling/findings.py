"""What an inspection found out and stored, as plain facts that can travel between processes. Imports nothing heavy.

The inspection itself needs the user's data, model and modules; where they could do harm, or where the libraries are
loaded already, it runs in another process and these facts come back.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tenfold_common.domain.words import ContentHash, Direction, Json
from tenfold_common.ports import Artifacts

if TYPE_CHECKING:
    from tenfold_common.domain.study_file import ReadStudy


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What the record of a study needs to know of its data, model and folds.

    Attributes:
        metrics: Names of the metrics, the optimised one first.
        direction: Which scores of the first metric are better.
        folds: Number of folds.
        rows: Rows of the data.
        features: Columns that the model sees.
        data_hash: Address of the dataset artifact.
        splits_hash: Address of the artifact with the folds' row numbers.
        spec_hash: Address of the evaluation spec.
        code_hash: Address of the user's code bundle, if there is one.
        warnings: What a person should be told, one sentence each.
    """

    metrics: tuple[str, ...]
    direction: Direction
    folds: int
    rows: int
    features: int
    data_hash: ContentHash
    splits_hash: ContentHash
    spec_hash: ContentHash
    code_hash: ContentHash | None
    warnings: tuple[str, ...] = ()


def inspect_and_store(
    read: "ReadStudy",
    *,
    base: Path,
    artifacts: Artifacts,
    dry_run: bool = True,
    on_dry_run: Callable[[], None] | None = None,
) -> Findings:
    """Inspect a study in this process, and store what its workers need.

    Args:
        read: The study file.
        base: Folder that its relative paths start from.
        artifacts: Where data, code and folds go.
        dry_run: Whether to try the model on a few rows.
        on_dry_run: Called just before that.

    Raises:
        StudyFileError: With everything that is wrong.
    """
    from tenfold_common.modelling.inspect import inspect_study, store_inspection

    found = inspect_study(read, base=base, dry_run=dry_run, on_dry_run=on_dry_run)
    stored = store_inspection(read, found, artifacts, base=base)
    return Findings(
        metrics=found.metrics,
        direction=found.direction,
        folds=found.n_folds,
        rows=found.rows,
        features=found.features,
        data_hash=stored.data_hash,
        splits_hash=stored.splits_hash,
        spec_hash=stored.spec_hash,
        code_hash=stored.code_hash,
        warnings=found.warnings,
    )


def findings_to_json(findings: Findings) -> dict[str, Json]:
    """The message that carries them."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(findings).items()}


def findings_from_json(fields: Mapping[str, Any]) -> Findings:  # Any: a message, checked by conversion
    """Read them from a message.

    Raises:
        ValueError: If something is missing or of the wrong kind.
    """
    try:
        code = fields["code_hash"]
        return Findings(
            metrics=tuple(str(name) for name in fields["metrics"]),
            direction=Direction(fields["direction"]),
            folds=int(fields["folds"]),
            rows=int(fields["rows"]),
            features=int(fields["features"]),
            data_hash=ContentHash(fields["data_hash"]),
            splits_hash=ContentHash(fields["splits_hash"]),
            spec_hash=ContentHash(fields["spec_hash"]),
            code_hash=None if code is None else ContentHash(code),
            warnings=tuple(str(sentence) for sentence in fields["warnings"]),
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"malformed findings: {error!r}") from error
