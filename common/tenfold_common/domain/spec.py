"""What a worker needs of a study besides one trial's parameters: one JSON artifact, named by its content hash."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from tenfold_common.domain.canonical import canonical_json
from tenfold_common.domain.words import ContentHash, Json


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationSpec:
    """How to evaluate any trial of one study.

    Attributes:
        model: The study file's ``model`` section, validated, as JSON data.
        metrics: Scorer names or ``python:module:attribute`` paths, the optimised one first.
        data_hash: Dataset artifact.
        target: Name of the target column or array.
        drop: Columns the model never sees besides the target (group and time columns that were declared so).
        splits_hash: Artifact with every fold's row numbers.
        folds: Number of folds.
        fold_timeout_s: Longest a fold may take; None for no limit.
        code_hash: Bundle of the user's own modules; None if there is none.
        threads: BLAS/OpenMP threads per trial.
    """

    model: Mapping[str, Json]
    metrics: tuple[str, ...]
    data_hash: ContentHash
    target: str
    drop: tuple[str, ...]
    splits_hash: ContentHash
    folds: int
    fold_timeout_s: float | None
    code_hash: ContentHash | None
    threads: int = 1

    def to_bytes(self) -> bytes:
        """The artifact: canonical JSON."""
        return canonical_json(asdict(self)).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> "EvaluationSpec":
        """Read the artifact.

        Raises:
            ValueError: If it is not a spec this version understands.
        """
        try:
            fields: dict[str, Any] = json.loads(data)  # Any: JSON from outside, checked by the constructor
            fields["metrics"] = tuple(fields["metrics"])
            fields["drop"] = tuple(fields["drop"])
            return cls(**fields)
        except (KeyError, TypeError) as error:
            raise ValueError(f"not an evaluation spec of this version: {error}") from error
