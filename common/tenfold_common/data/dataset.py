"""The one form in which studies see data, and its single-file container.

A container is a magic number, a JSON header and raw little-endian buffers, each on a 64-byte boundary, so opening one
maps the file and copies nothing. Its bytes depend on the data alone, not on where the data was read from: equal data
has an equal content hash. Containers never hold pickles or Python objects.
"""

import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tenfold_common.data.values import Array, Column, ColumnKind, Labels, canonical_floats, frozen, numeric_column
from tenfold_common.domain.canonical import canonical_json
from tenfold_common.domain.words import ContentHash
from tenfold_common.errors import DataError

if TYPE_CHECKING:
    from pandas import DataFrame

MAGIC = b"TENFOLD-DATA\r\n\x1a\n"
"""16 bytes that a text-mode transfer would damage."""

_ALIGNMENT = 64


class DatasetKind(StrEnum):
    """How the features lie: one numeric array, or columns of their own types."""

    ARRAY = "array"
    TABLE = "table"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Dataset:
    """An immutable collection of columns with one value per row; built by ``table_dataset`` and ``array_dataset``.

    Attributes:
        kind: Array or table.
        rows: Number of rows, at least 1.
        columns: A table's columns in their order; beside an array, what is not a feature: target, groups, time, …
        matrix: The features of an array dataset, shape (rows, ...) with two axes or more, read-only.
        feature_names: One name per column of a matrix with exactly two axes.
    """

    kind: DatasetKind
    rows: int
    columns: tuple[Column, ...]
    matrix: Array | None = None
    feature_names: tuple[str, ...] = ()

    @property
    def column_names(self) -> tuple[str, ...]:
        """Every name that ``column`` and ``features(drop=...)`` know."""
        return tuple(column.name for column in self.columns) + self.feature_names

    def find(self, name: str) -> Column:
        """A column with its kind.

        Raises:
            DataError: Naming the nearest column if there is none of that name.
        """
        for column in self.columns:
            if column.name == name:
                return column
        if self.matrix is not None and name in self.feature_names:
            return numeric_column(name, self.matrix[:, self.feature_names.index(name)])
        raise DataError(no_column(name, self.column_names))

    def column(self, name: str) -> Array:
        """A column's values, 1-D and read-only: numbers, booleans, datetime64[ns], or texts as objects.

        Missing values are NaN (also among texts) or NaT; a boolean column with missing values holds 1.0, 0.0 and NaN.

        Raises:
            DataError: Naming the nearest column if there is none of that name.
        """
        return self.find(name).materialised()

    def missing(self, name: str) -> Array:
        """Where a column has no value, as booleans."""
        return self.find(name).missing()

    def features(self, drop: Sequence[str]) -> "Array | DataFrame":
        """What the model sees: an array dataset's matrix, or a table as a DataFrame, without the dropped columns.

        Numbers are the dataset's own read-only buffers, not copies; texts are object columns with NaN for missing.

        Raises:
            DataError: If a dropped column does not exist or nothing is left.
        """
        for name in drop:
            if name not in self.column_names:
                raise DataError(no_column(name, self.column_names))
        if self.matrix is not None:
            return self._matrix_without(drop)
        left = [column for column in self.columns if column.name not in drop]
        if not left:
            raise DataError(
                f"no feature column is left without {', '.join(map(repr, drop))}; the model needs at least one"
            )
        return _frame(left)

    def _matrix_without(self, drop: Sequence[str]) -> Array:
        assert self.matrix is not None
        kept = [number for number, name in enumerate(self.feature_names) if name not in drop]
        if len(kept) == len(self.feature_names):
            return self.matrix
        if not kept:
            raise DataError(f"no feature is left without {', '.join(map(repr, drop))}; the model needs at least one")
        return frozen(np.ascontiguousarray(self.matrix[:, kept]))

    def select_rows(self, indices: npt.ArrayLike) -> "Dataset":
        """A dataset of these rows, in this order.

        Args:
            indices: Row numbers, 1-D, or one boolean per row.

        Raises:
            DataError: If there are none.
        """
        chosen = np.asarray(indices)
        rows = np.flatnonzero(chosen) if chosen.dtype == bool else chosen.astype(np.int64)
        columns = tuple(column.take(rows) for column in self.columns)
        if self.matrix is None:
            return table_dataset(columns, rows=len(rows))
        return array_dataset(self.matrix[rows], columns, self.feature_names)


def no_column(name: str, known: Sequence[str]) -> str:
    """The sentence for a column that does not exist."""
    near = get_close_matches(name, known, n=1)
    if near:
        return f"there is no column {name!r} in the data; did you mean {near[0]!r}?"
    shown = ", ".join(map(repr, known[:12])) + (", …" if len(known) > 12 else "")
    return f"there is no column {name!r} in the data; its columns are {shown}"


def table_dataset(columns: Sequence[Column], *, rows: int | None = None) -> Dataset:
    """A table of these columns.

    Raises:
        DataError: If it has no column, no row, columns of different lengths or two of one name.
    """
    if not columns:
        raise DataError("the table has no columns; it needs at least one feature and a target")
    length = len(columns[0].values) if rows is None else rows
    _check(length, columns, ())
    return Dataset(kind=DatasetKind.TABLE, rows=length, columns=tuple(columns))


def array_dataset(matrix: Array, columns: Sequence[Column], feature_names: Sequence[str] | None = None) -> Dataset:
    """An array of features with named 1-D arrays beside it.

    Args:
        matrix: Numbers or booleans, shape (rows, ...), at least two axes. Not copied if it is contiguous and native.
        columns: Target, groups, times, …: one value per row.
        feature_names: For a matrix with two axes; ``x0``, ``x1``, … by default.

    Raises:
        DataError: If the shapes do not fit, there are no rows, names repeat, or the matrix is not numeric.
    """
    matrix = np.asarray(matrix)
    if matrix.ndim < 2:
        raise DataError(
            f"the features have shape {matrix.shape}; they need one row per example and at least two axes"
        )
    if matrix.dtype.kind not in "biuf":
        raise DataError(f"the features are of type {matrix.dtype}; an array of features holds numbers or booleans")
    if matrix[:1].size == 0 and len(matrix):
        raise DataError(f"the features have shape {matrix.shape}; there is no feature in it")
    names = _feature_names(matrix, feature_names)
    _check(len(matrix), columns, names)
    return Dataset(
        kind=DatasetKind.ARRAY,
        rows=len(matrix),
        columns=tuple(columns),
        matrix=frozen(_canonical_matrix(matrix)),
        feature_names=names,
    )


def dataset_bytes(dataset: Dataset) -> bytes:
    """The container of a dataset."""
    return b"".join(_chunks(dataset))


def dataset_hash(dataset: Dataset) -> ContentHash:
    """The content hash of a dataset's container, without building it in memory."""
    digest = hashlib.sha256()
    for chunk in _chunks(dataset):
        digest.update(chunk)
    return ContentHash(digest.hexdigest())


def write_dataset(dataset: Dataset, path: Path) -> None:
    """Write a dataset's container; the file appears whole or not at all."""
    descriptor, temporary = tempfile.mkstemp(prefix=".writing-", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            for chunk in _chunks(dataset):
                file.write(chunk)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def open_dataset(path: Path) -> Dataset:
    """Map a container into memory. Every buffer is a read-only view of the file; nothing is copied.

    Raises:
        DataError: If the file is missing, cut short, or no dataset of this version.
    """
    try:
        mapped = np.memmap(path, dtype=np.uint8, mode="r")
        header, start = _read_header(mapped)
        return _from_header(header, _view_of(mapped, start))
    except OSError as error:
        raise DataError(f"dataset file {path} cannot be opened: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise DataError(
            f"{path} is not a dataset written by this version of Tenfold, or it is damaged ({error}); "
            f"submit the study again to store its data anew"
        ) from error


def _frame(columns: Sequence[Column]) -> "DataFrame":
    from pandas import DataFrame, Series

    # dtype=object: left alone, pandas would turn texts into whichever string type its options and libraries offer.
    return DataFrame(
        {
            column.name: Series(column.materialised(), copy=False, dtype=object if column.labels else None)
            for column in columns
        },
        copy=False,
    )


def _feature_names(matrix: Array, given: Sequence[str] | None) -> tuple[str, ...]:
    if matrix.ndim != 2:
        return ()
    if given is None or len(given) == 0:
        return tuple(f"x{number}" for number in range(matrix.shape[1]))
    if len(given) != matrix.shape[1]:
        raise DataError(f"there are {len(given)} feature names for {matrix.shape[1]} features; give one for each")
    return tuple(str(name) for name in given)


def _canonical_matrix(matrix: Array) -> Array:
    native = matrix.astype(matrix.dtype.newbyteorder("="), copy=False)
    if native.dtype.itemsize > 8:  # long doubles differ between machines
        native = native.astype(np.float64)
    return np.ascontiguousarray(canonical_floats(native) if native.dtype.kind == "f" else native)


def _check(rows: int, columns: Sequence[Column], features: Sequence[str]) -> None:
    if rows == 0:
        raise DataError("the data has no rows; a study needs some to learn from and some to validate on")
    seen: set[str] = set()
    for name in [*(column.name for column in columns), *features]:
        if name in seen:
            raise DataError(f"the data has two columns named {name!r}; names must be unique: rename one of them")
        seen.add(name)
    for column in columns:
        if len(column.values) != rows:
            raise DataError(
                f"column {column.name!r} has {len(column.values)} values for {rows} rows; it needs one per row"
            )


def _chunks(dataset: Dataset) -> Iterator[bytes | memoryview]:
    buffers: list[Array] = []
    at = 0

    def place(values: Array) -> dict[str, object]:
        nonlocal at
        little = _little_endian(values)
        described = {"at": at, "dtype": little.dtype.str, "shape": list(little.shape)}
        at += _padded(little.nbytes)
        buffers.append(little)
        return described

    header = canonical_json(_header(dataset, place)).encode("utf-8", "surrogatepass")
    opening = MAGIC + len(header).to_bytes(8, "little") + header
    yield opening.ljust(_padded(len(opening)), b"\0")
    for values in buffers:
        yield np.ascontiguousarray(values).reshape(-1).view(np.uint8).data
        yield b"\0" * (_padded(values.nbytes) - values.nbytes)


def _header(dataset: Dataset, place: Callable[[Array], dict[str, object]]) -> dict[str, object]:
    header: dict[str, object] = {"format": 1, "kind": str(dataset.kind), "rows": dataset.rows}
    if dataset.matrix is not None:
        header["matrix"] = place(dataset.matrix)
        header["features"] = dataset.feature_names
    described = []
    for column in dataset.columns:
        entry: dict[str, object] = {"name": column.name, "kind": str(column.kind), "values": place(column.values)}
        if column.labels is not None:
            entry["offsets"] = place(column.labels.offsets)
            entry["utf8"] = place(column.labels.utf8)
        described.append(entry)
    header["columns"] = described
    return header


def _read_header(mapped: Array) -> tuple[Mapping[str, Any], int]:  # Any: JSON from outside, checked by its reader
    opening = mapped[: len(MAGIC) + 8].tobytes()
    if opening[: len(MAGIC)] != MAGIC:
        raise ValueError("it does not begin as a dataset does")
    ends = len(opening) + int.from_bytes(opening[len(MAGIC) :], "little")
    header = json.loads(mapped[len(opening) : ends].tobytes().decode("utf-8", "surrogatepass"))
    if header["format"] != 1:
        raise ValueError(f"it has format {header['format']}")
    return header, _padded(ends)


def _view_of(mapped: Array, start: int) -> Callable[[Mapping[str, Any]], Array]:  # Any: JSON from outside
    def view(place: Mapping[str, Any]) -> Array:  # Any: JSON from outside
        dtype, shape = np.dtype(place["dtype"]), tuple(place["shape"])
        begin = start + place["at"]
        size = dtype.itemsize * int(np.prod(shape, dtype=np.int64))
        if begin + size > len(mapped):
            raise ValueError(f"it ends after {len(mapped)} bytes, before its content does")
        # asarray: a plain array over the mapping; the memmap subclass would only slow down what is done with it.
        values = np.asarray(mapped[begin : begin + size].view(dtype).reshape(shape))
        return values if sys.byteorder == "little" else frozen(values.astype(dtype.newbyteorder("=")))

    return view


def _from_header(
    header: Mapping[str, Any],  # Any: JSON from outside
    view: Callable[[Mapping[str, Any]], Array],  # Any: JSON from outside
) -> Dataset:
    columns = tuple(
        Column(
            name=entry["name"],
            kind=ColumnKind(entry["kind"]),
            values=view(entry["values"]),
            labels=Labels(view(entry["offsets"]), view(entry["utf8"])) if "utf8" in entry else None,
        )
        for entry in header["columns"]
    )
    return Dataset(
        kind=DatasetKind(header["kind"]),
        rows=header["rows"],
        columns=columns,
        matrix=view(header["matrix"]) if "matrix" in header else None,
        feature_names=tuple(header.get("features", ())),
    )


def _little_endian(values: Array) -> Array:
    return values.astype(values.dtype.newbyteorder("<"), copy=False)


def _padded(size: int) -> int:
    return -(-size // _ALIGNMENT) * _ALIGNMENT
