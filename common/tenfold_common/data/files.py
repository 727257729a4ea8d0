"""Readers for CSV, Parquet and NPZ, from the local disk or any fsspec URL.

Reading is the same everywhere: no option of the machine, its pandas or its locale changes what comes out, and
nothing in a file is ever executed (no pickles).
"""

import bz2
import csv
import gzip
import io
import lzma
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

import numpy as np

from tenfold_common.data.arrays import dataset_from_named
from tenfold_common.data.dataset import Dataset
from tenfold_common.data.tables import nullable_types, refuse_repeats, table_from_frame
from tenfold_common.errors import DataError, MisuseError
from tenfold_common.filesystems import filesystem_of, is_url

if TYPE_CHECKING:
    from pandas import DataFrame

KNOWN_SUFFIXES = (".csv", ".tsv", ".csv.gz", ".tsv.gz", ".parquet", ".npz")
"""What a data file's name may end in, for people (``.bz2`` and ``.xz`` work as ``.gz`` does; ``.pq`` is Parquet)."""

_PACKED = (".gz", ".bz2", ".xz")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a data file is, ready to be opened more than once.

    Attributes:
        name: The path or URL as people know it, for messages.
        suffix: How its name ends, in lower case, without the compression's suffix: ``.csv``.
        packed: The compression's suffix, or nothing.
        open: Opens it for reading bytes, still packed.
    """

    name: str
    suffix: str
    packed: str
    open: Callable[[], IO[bytes]]

    @contextmanager
    def unpacked(self) -> Iterator[IO[bytes]]:
        """Its real content, for the length of a ``with`` block."""
        with ExitStack() as opened:
            file = opened.enter_context(self.open())
            if self.packed == ".gz":
                file = cast("IO[bytes]", opened.enter_context(gzip.GzipFile(fileobj=file, mode="rb")))
            elif self.packed == ".bz2":
                file = opened.enter_context(bz2.BZ2File(file, "rb"))
            elif self.packed == ".xz":
                file = opened.enter_context(lzma.LZMAFile(file, "rb"))
            yield file


def read_file(source: str, base: Path) -> Dataset:
    """Read a data file.

    Args:
        source: A path, relative to ``base`` or absolute, or an fsspec URL.
        base: The study file's folder.

    Raises:
        DataError: If it is missing, of an unknown kind, damaged or empty.
    """
    place = _url_place(source) if is_url(source) else _local_place(source, base)
    reader = {".csv": _read_csv, ".tsv": _read_csv, ".parquet": _read_parquet, ".npz": _read_npz}[place.suffix]
    try:
        return reader(place)
    except DataError as error:
        raise DataError(f"{place.name}: {error}") from error
    except FileNotFoundError as error:
        raise DataError(f"{place.name} does not exist") from error
    except (OSError, EOFError, ImportError, lzma.LZMAError) as error:
        raise DataError(f"{place.name} cannot be read: {error}") from error


def _local_place(source: str, base: Path) -> Place:
    path = Path(source).expanduser()
    path = path if path.is_absolute() else base / path
    suffix, packed = _suffix(path.name, source)
    if path.is_dir():
        raise DataError(f"{path} is a folder; name one file in it")
    if not path.is_file():
        raise DataError(f"there is no file {path}{_nearest_file(path)}")
    return Place(name=str(path), suffix=suffix, packed=packed, open=lambda: path.open("rb"))


def _url_place(source: str) -> Place:
    suffix, packed = _suffix(source.split("::", 1)[0].split("?", 1)[0].rstrip("/").rsplit("/", 1)[-1], source)
    try:
        system, path = filesystem_of(source)
    except MisuseError as error:
        raise DataError(str(error)) from error
    return Place(name=source, suffix=suffix, packed=packed, open=lambda: system.open(path, "rb"))


def _suffix(file_name: str, source: str) -> tuple[str, str]:
    name = file_name.lower()
    packed = next((ending for ending in _PACKED if name.endswith(ending)), "")
    suffix = Path(name.removesuffix(packed)).suffix
    suffix = ".parquet" if suffix == ".pq" else suffix
    if suffix in {".csv", ".tsv"} or (suffix in {".parquet", ".npz"} and not packed):
        return suffix, packed
    shown = (suffix + packed) or "no suffix"
    raise DataError(
        f"{source!r} names a file of an unknown kind ({shown}); known are {', '.join(KNOWN_SUFFIXES)}. "
        f"For anything else write a function and name it: python:module:function"
    )


def _nearest_file(path: Path) -> str:
    if not path.parent.is_dir():
        return f": the folder {path.parent} does not exist either; paths are relative to the study file's folder"
    names = sorted(entry.name for entry in path.parent.iterdir() if entry.is_file())
    near = get_close_matches(path.name, names, n=1) or get_close_matches(path.stem, names, n=1, cutoff=0.5)
    if near:
        return f"; did you mean {near[0]!r}?"
    return "; paths are relative to the study file's folder"


def _read_csv(place: Place) -> Dataset:
    import pandas as pd

    try:
        header, separator = _csv_header(place)
        refuse_repeats(header)
        return table_from_frame(_csv_frame(place, separator))
    except (UnicodeDecodeError, UnicodeError) as error:
        raise DataError(
            f"it is not UTF-8 text ({error}); save it as UTF-8, for example with: iconv -f latin1 -t utf-8"
        ) from error
    except pd.errors.EmptyDataError as error:
        raise DataError("it is empty; the first line holds the names of the columns") from error
    except pd.errors.ParserWarning as error:
        raise DataError(
            f"its rows have more fields than its first line has names ({len(header)}); name every column"
        ) from error
    except (pd.errors.ParserError, csv.Error) as error:
        raise DataError(
            f"it is not a table: {str(error).strip()}; every row needs as many fields as the first"
        ) from error


def _csv_frame(place: Place, separator: str) -> "DataFrame":
    import pandas as pd

    # Before pandas 3.1 only this option reads floats exactly; since then it is the default and the option warns.
    version = tuple(int(part) for part in pd.__version__.split(".")[:2])
    exactly = {} if version >= (3, 1) else {"float_precision": "round_trip"}
    with place.unpacked() as file, warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)
        frame: DataFrame = pd.read_csv(
            file,
            sep=separator,
            encoding="utf-8-sig",
            low_memory=False,
            index_col=False,
            dtype_backend="numpy_nullable",
            **exactly,  # type: ignore[call-overload, unused-ignore]  # the stubs know one of the two pandas
        )
    for name in frame.columns:
        if isinstance(frame[name].dtype, pd.StringDtype):
            frame[name] = frame[name].replace("", pd.NA)  # pandas forgets some gaps among huge integers
    return frame


def _csv_header(place: Place) -> tuple[list[str], str]:
    """The names in the first line and what separates them: a tab in ``.tsv``, else a comma, else a semicolon."""
    with place.unpacked() as file:
        text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
        first = next((line for line in text if line.strip()), "")
        separator = "\t" if place.suffix == ".tsv" else ","
        if separator == "," and "," not in first:
            separator = next((other for other in ";\t" if other in first), ",")
        text.seek(0)
        rows = csv.reader(text, delimiter=separator)
        return next((row for row in rows if any(field.strip() for field in row)), []), separator


def _read_parquet(place: Place) -> Dataset:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with place.open() as file:
            table = parquet.ParquetFile(file).read()
    except pa.ArrowException as error:
        raise DataError(f"it is not a Parquet file, or it is damaged ({error})") from error
    refuse_repeats(table.schema.names)
    return table_from_frame(table.to_pandas(types_mapper=nullable_types().get, date_as_object=True))


def _read_npz(place: Place) -> Dataset:
    with place.open() as file:
        if file.read(2) != b"PK":
            raise DataError("it is not an NPZ archive; write it with numpy.savez")
        file.seek(0)
        try:
            with np.load(file, allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in archive.files}
        except (ValueError, zipfile.BadZipFile, zlib.error, EOFError) as error:
            raise DataError(_npz_problem(error)) from error
    return dataset_from_named(arrays)


def _npz_problem(error: Exception) -> str:
    if "allow_pickle" in str(error):
        return "it holds pickled Python objects, which are never read; save plain arrays of numbers or texts"
    return f"it is damaged ({error}); write it again with numpy.savez"
