"""One column of a dataset in the one form its content has, whatever it was read from.

Numbers become int64, uint64 or float64; booleans stay booleans; moments become datetime64[ns] in UTC; texts become
int32 codes into their sorted labels. Never keeps Python objects: everything here is a plain little-endian buffer.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from tenfold_common.errors import DataError

Array = npt.NDArray[Any]  # Any: the type of the elements is known only once the data has been read

MISSING_CODE = -1
"""The code of a missing text."""

_NOT_A_TIME = np.iinfo(np.int64).min


class ColumnKind(StrEnum):
    """What the values of a column are."""

    NUMBER = "number"
    BOOLEAN = "boolean"
    TEXT = "text"
    DATETIME = "datetime"


class Labels:
    """The distinct texts of a column, sorted by code point, kept as UTF-8 until somebody looks at them.

    Attributes:
        offsets: int64, one more than there are labels: where each label starts in ``utf8`` and the last one ends.
        utf8: uint8, the labels one after the other.
    """

    __slots__ = ("_decoded", "offsets", "utf8")

    def __init__(self, offsets: Array, utf8: Array) -> None:
        self.offsets, self.utf8 = offsets, utf8
        self._decoded: Array | None = None

    @classmethod
    def of(cls, texts: Iterable[str]) -> "Labels":
        """The labels, given in their sorted order."""
        encoded = [text.encode("utf-8", "surrogatepass") for text in texts]
        offsets = np.zeros(len(encoded) + 1, dtype=np.int64)
        np.cumsum([len(text) for text in encoded], out=offsets[1:])
        return cls(frozen(offsets), np.frombuffer(b"".join(encoded), dtype=np.uint8))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def texts(self) -> Array:
        """An object array of the labels with NaN after the last, so that code -1 finds what stands for missing."""
        if self._decoded is None:
            data, ends = self.utf8.tobytes(), self.offsets.tolist()
            decoded = np.empty(len(self) + 1, dtype=object)
            for number in range(len(self)):
                decoded[number] = data[ends[number] : ends[number + 1]].decode("utf-8", "surrogatepass")
            decoded[-1] = np.nan
            self._decoded = frozen(decoded)
        return self._decoded


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Column:
    """One named column.

    Attributes:
        name: Its name, unique in the dataset.
        kind: What the values are.
        values: 1-D and read-only: int64, uint64, float64, bool, datetime64[ns], or int32 codes of a text column.
            A boolean column with missing values holds float64 ones, zeros and NaN.
        labels: The texts that the codes of a text column stand for; None for the others.
    """

    name: str
    kind: ColumnKind
    values: Array
    labels: Labels | None = None

    def materialised(self) -> Array:
        """The values as a model sees them: the buffer itself, or for texts an object array with NaN for missing."""
        if self.labels is None:
            return self.values
        return frozen(self.labels.texts()[self.values])

    def missing(self) -> Array:
        """Where values are missing, as booleans."""
        if self.labels is not None:
            return np.equal(self.values, MISSING_CODE)
        if self.values.dtype.kind == "f":
            return np.isnan(self.values)
        if self.values.dtype.kind == "M":
            return np.isnat(self.values)
        return np.zeros(len(self.values), dtype=bool)

    def take(self, indices: Array) -> "Column":
        """The column at these rows; labels that no row uses any more are forgotten."""
        values = self.values[indices]
        if self.labels is None:
            return Column(name=self.name, kind=self.kind, values=frozen(values))
        used = np.unique(values[values != MISSING_CODE])
        new_codes = np.full(len(self.labels) + 1, MISSING_CODE, dtype=np.int32)
        new_codes[used] = np.arange(len(used), dtype=np.int32)
        labels = Labels.of(self.labels.texts()[used].tolist())
        return Column(name=self.name, kind=self.kind, values=frozen(new_codes[values]), labels=labels)

    def renamed(self, name: str) -> "Column":
        """The same values under another name."""
        return Column(name=name, kind=self.kind, values=self.values, labels=self.labels)


def frozen(values: Array) -> Array:
    """A read-only view of an array that nobody else writes to."""
    view = values.view()
    view.flags.writeable = False
    return view


def canonical_floats(values: Array) -> Array:
    """The same floats with one spelling of NaN, so that equal data has equal bytes."""
    missing = np.isnan(values)
    if not missing.any():
        return values
    return np.where(missing, values.dtype.type(np.nan), values)


def numeric_column(name: str, values: Array) -> Column:
    """A column of numbers, booleans or lengths of time (as seconds) from a 1-D array.

    Raises:
        DataError: If the array holds something else.
    """
    kind = values.dtype.kind
    if kind == "b":
        return Column(name=name, kind=ColumnKind.BOOLEAN, values=_owned(values, np.dtype(bool)))
    if kind in "iu":
        return Column(name=name, kind=ColumnKind.NUMBER, values=_owned(values, _integer_type(values)))
    if kind == "f":
        floats = canonical_floats(values.astype(np.float64))
        return Column(name=name, kind=ColumnKind.NUMBER, values=frozen(floats))
    if kind == "m":
        return numeric_column(name, values / np.timedelta64(1, "s"))
    raise DataError(
        f"column {name!r} holds values of type {values.dtype}; a column holds numbers, booleans, texts or times: "
        f"turn it into one of these or leave it out"
    )


def incomplete_column(name: str, kind: ColumnKind, values: Array, missing: Array) -> Column:
    """A column of integers or booleans of which some are missing.

    They become floats with NaN. Integers beyond 2**53 become texts instead: as floats, neighbours would merge.

    Args:
        name: The column's name.
        kind: Number or boolean.
        values: Anything where ``missing`` is true.
        missing: Where values are missing.
    """
    if not missing.any():
        return numeric_column(name, values)
    known = values[~missing]
    if kind is ColumnKind.NUMBER and len(known) and max(abs(int(known.min())), abs(int(known.max()))) > 2**53:
        texts = np.array([None if gap else str(value) for gap, value in zip(missing, values.tolist(), strict=True)])
        return text_column(name, texts, missing)
    floats = np.where(missing, np.nan, values.astype(np.float64))
    return Column(name=name, kind=kind if len(known) else ColumnKind.NUMBER, values=frozen(floats))


def text_column(name: str, texts: Array, missing: Array) -> Column:
    """A column of texts.

    Args:
        name: The column's name.
        texts: Strings, anything where ``missing`` is true.
        missing: Where texts are missing.
    """
    known = texts[~missing].tolist()
    labels = sorted(set(known))
    numbers = {label: number for number, label in enumerate(labels)}
    codes = np.full(len(texts), MISSING_CODE, dtype=np.int32)
    codes[~missing] = [numbers[text] for text in known]
    return Column(name=name, kind=ColumnKind.TEXT, values=frozen(codes), labels=Labels.of(labels))


def empty_column(name: str, rows: int) -> Column:
    """A column without a single value: nobody knows its kind, so it holds NaN whatever it was read from."""
    return Column(name=name, kind=ColumnKind.NUMBER, values=frozen(np.full(rows, np.nan)))


def datetime_column(name: str, nanoseconds: Array, missing: Array) -> Column:
    """A column of moments from int64 nanoseconds since 1970 (UTC)."""
    values = np.where(missing, _NOT_A_TIME, nanoseconds).astype(np.int64).view("datetime64[ns]")
    return Column(name=name, kind=ColumnKind.DATETIME, values=frozen(values))


def _integer_type(values: Array) -> np.dtype[Any]:  # Any: int64 or uint64
    if values.dtype.kind == "u" and values.size and int(values.max()) > np.iinfo(np.int64).max:
        return np.dtype(np.uint64)
    return np.dtype(np.int64)


def _owned(values: Array, dtype: np.dtype[Any]) -> Array:  # Any: one of the canonical types
    return frozen(np.array(values, dtype=dtype))
