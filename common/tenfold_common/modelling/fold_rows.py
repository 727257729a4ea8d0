"""The folds of a study as row numbers, and the artifact they are stored as. Knows nothing of how folds are made."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tenfold_common.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Rows = NDArray[np.int32]
    Numbers = NDArray[np.integer[Any]]  # Any: of any width

_MAGIC: Final = b"tenfold splits 1\n"
_LENGTH_DIGITS: Final = 12
_ALIGNMENT: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Splits:
    """Which rows every fold trains on and validates on.

    Attributes:
        rows: Number of rows of the data.
        validation: Row numbers per fold.
        training: Row numbers per fold; None where a fold trains on every row that it does not validate on, which
            keeps leave-one-out on n rows from needing n * n numbers.
    """

    rows: int
    validation: tuple["Rows", ...]
    training: tuple["Rows | None", ...]

    def __len__(self) -> int:
        return len(self.validation)

    def train(self, fold: int) -> "Rows":
        """Rows that ``fold`` trains on, in the order the model gets them."""
        import numpy as np

        own = self.training[fold]
        if own is not None:
            return own
        rest = np.ones(self.rows, dtype=bool)
        rest[self.validation[fold]] = False
        return np.flatnonzero(rest).astype(np.int32)

    def validate(self, fold: int) -> "Rows":
        """Rows that ``fold`` validates on."""
        return self.validation[fold]


def from_folds(rows: int, folds: Sequence[tuple["Numbers", "Numbers"]]) -> Splits:
    """Splits of (train, validation) pairs.

    Args:
        rows: Number of rows of the data.
        folds: Row numbers of each fold's two sides; a row may be on neither.
    """
    return Splits(
        rows=rows,
        validation=tuple(_int32(validation) for _, validation in folds),
        training=tuple(_unless_rest(rows, train, validation) for train, validation in folds),
    )


def splits_to_bytes(splits: Splits) -> bytes:
    """The artifact: a line of text, a JSON header of fixed spelling, then 32-bit row numbers."""
    import numpy as np

    sides = [side for pair in zip(splits.training, splits.validation, strict=True) for side in pair]
    counts = [None if side is None else len(side) for side in sides]
    header = json.dumps({"rows": splits.rows, "counts": counts}, separators=(",", ":")).encode()
    start = _MAGIC + b"%012d\n" % len(header) + header
    numbers = np.concatenate([side for side in sides if side is not None])
    return start + b"\0" * (-len(start) % _ALIGNMENT) + numbers.astype("<i4").tobytes()


def splits_from_path(path: Path) -> Splits:
    """Read the artifact; row numbers stay on disk until they are used.

    Raises:
        DataError: If it is not an artifact of this version.
    """
    import numpy as np

    with path.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            raise DataError(f"{path} does not hold splits that this version of Tenfold can read")
        header = json.loads(file.read(int(file.read(_LENGTH_DIGITS + 1))))
        offset = file.tell() + -file.tell() % _ALIGNMENT
    numbers = np.memmap(path, dtype="<i4", mode="r", offset=offset)
    sides: list[Rows | None] = []
    start = 0
    for count in header["counts"]:
        sides.append(None if count is None else numbers[start : start + count])
        start += count or 0
    return Splits(
        rows=header["rows"],
        training=tuple(sides[0::2]),
        validation=tuple(side for side in sides[1::2] if side is not None),
    )


def _int32(numbers: "Numbers") -> "Rows":
    import numpy as np

    return np.ascontiguousarray(numbers, dtype=np.int32)


def _unless_rest(rows: int, train: "Numbers", validation: "Numbers") -> "Rows | None":
    """The training rows; None if they are all the other rows in ascending order."""
    import numpy as np

    rest = np.ones(rows, dtype=bool)
    rest[validation] = False
    return None if np.array_equal(np.flatnonzero(rest), train) else _int32(train)
