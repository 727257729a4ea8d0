"""Data from real files, file systems and functions, and what people are told when it cannot be read."""

import gzip
import lzma
import sys
from pathlib import Path

import fsspec
import numpy as np
import pandas as pd
import pytest

from tenfold_common.artifacts.store import MemoryArtifacts
from tenfold_common.data.dataset import DatasetKind, dataset_hash
from tenfold_common.data.sources import load_source, open_stored, store_dataset
from tenfold_common.data.values import ColumnKind
from tenfold_common.domain.words import ContentHash
from tenfold_common.errors import DataError, NotFoundError


def moments(*texts: str | None) -> "pd.Series[pd.Timestamp]":
    """Times with gaps."""
    return pd.to_datetime(pd.Series(texts, dtype=object), format="ISO8601")


def people() -> pd.DataFrame:
    """A table with every trap that CSV and Parquet set for each other."""
    return pd.DataFrame(
        {
            "größe": [1.1, np.nan, 1e-300, 0.1 + 0.2],
            "name": ["Ärger", None, 'with "quotes", and commas', "line\nbreak"],
            "member": [True, False, True, True],
            "maybe": pd.array([True, None, False, None], dtype="boolean"),
            "small": np.array([1, 2, 3, 4], dtype=np.int8),
            "id": [2**62, 1, -(2**62), 0],
            "gaps": pd.array([1, None, 3, 4], dtype="Int64"),
            "huge_gaps": pd.array([2**53 + 1, None, 3, 4], dtype="Int64"),
            "beyond": np.array([2**64 - 1, 1, 2, 3], dtype=np.uint64),
            "kind": pd.Categorical(["b", "a", None, "b"]),
            "born": moments("2001-02-03", None, "1999-12-31", "2000-02-29"),
            "seen": moments("2024-01-01T10:00:00.123456", "2024-01-02", "2024-01-03T00:00:01", None),
            "empty": [None, None, None, None],
        }
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The same table in every format, beside each other."""
    frame = people()
    frame.to_csv(tmp_path / "people.csv", index=False)
    frame.to_csv(tmp_path / "people.tsv", index=False, sep="\t")
    frame.to_csv(tmp_path / "semicolons.csv", index=False, sep=";")
    frame.to_csv(tmp_path / "bom.csv", index=False, encoding="utf-8-sig")
    frame.to_parquet(tmp_path / "people.parquet")
    text = (tmp_path / "people.csv").read_bytes()
    (tmp_path / "people.csv.gz").write_bytes(gzip.compress(text))
    (tmp_path / "people.csv.xz").write_bytes(lzma.compress(text))
    return tmp_path


def refused(source: str, base: Path, target: str | None = None) -> str:
    """What a person is told about a source that cannot be read."""
    with pytest.raises(DataError) as error:
        load_source(source, target=target, base=base)
    return str(error.value)


def test_the_same_table_is_the_same_dataset_in_every_format(folder: Path) -> None:
    """One content hash for CSV, TSV, compressed, marked with a BOM, and Parquet, locally and by URL."""
    names = [
        "people.csv",
        "people.tsv",
        "semicolons.csv",
        "bom.csv",
        "people.csv.gz",
        "people.csv.xz",
        "people.parquet",
    ]
    sources = [*names, f"file://{folder}/people.csv", f"file://{folder}/people.parquet", str(folder / "people.csv")]
    hashes = {source: dataset_hash(load_source(source, target="member", base=folder)) for source in sources}
    assert len(set(hashes.values())) == 1, hashes


@pytest.mark.parametrize("storage", ["python", "pyarrow"])
def test_how_pandas_holds_strings_changes_nothing(folder: Path, storage: str) -> None:
    """Its options and the libraries beside it differ between machines; the bytes and the models' columns do not."""
    expected = dataset_hash(load_source("people.csv", target=None, base=folder))
    with pd.option_context("mode.string_storage", storage):
        for source in ("people.csv", "people.parquet"):
            data = load_source(source, target=None, base=folder)
            assert dataset_hash(data) == expected
            features = data.features(["id"])
            assert isinstance(features, pd.DataFrame)
            assert features["name"].dtype == object


def test_columns_of_a_csv_have_the_types_their_values_say(folder: Path) -> None:
    """Nothing is rounded, nothing is guessed by chunks."""
    data = load_source("people.csv", target=None, base=folder)
    assert data.kind is DatasetKind.TABLE
    assert data.column("größe")[3] == 0.1 + 0.2
    assert data.column("id").tolist() == [2**62, 1, -(2**62), 0]
    assert data.column("huge_gaps")[0] == "9007199254740993"
    assert data.column("beyond")[0] == 2**64 - 1
    assert data.find("maybe").kind is ColumnKind.BOOLEAN
    assert data.find("born").kind is ColumnKind.DATETIME
    assert data.column("born")[0] == np.datetime64("2001-02-03")
    assert data.column("name")[3] == "line\nbreak"
    assert data.missing("empty").all()


def test_parquet_types_that_csv_lacks_are_widened(tmp_path: Path) -> None:
    """Decimals, dates, zoned times, dictionaries of numbers and 32-bit floats are plain columns afterwards."""
    import pyarrow as pa
    from pyarrow import parquet

    table = pa.table(
        {
            "price": pa.array([None, "2.50"]).cast(pa.decimal128(9, 2)),
            "day": pa.array(["2024-01-01", None]).cast(pa.date32()),
            "at": pa.array([0, 3_600_000], pa.timestamp("ms", tz="Europe/Berlin")),
            "level": pa.array([3, None], pa.int16()).dictionary_encode(),
            "half": pa.array([0.5, None], pa.float32()),
            "long": pa.array(["a", "b"], pa.large_string()),
            "never": pa.array(["9999-12-31", "2024-01-01"]).cast(pa.date32()),
        }
    )
    parquet.write_table(table, tmp_path / "t.parquet")
    data = load_source("t.parquet", target=None, base=tmp_path)
    assert [str(data.find(name).kind) for name in data.column_names] == [
        "number", "datetime", "datetime", "number", "number", "text", "text",
    ]  # fmt: skip
    assert data.column("price")[1] == 2.5
    assert data.column("at")[1] == np.datetime64("1970-01-01T01:00")
    assert data.column("never").tolist() == ["9999-12-31", "2024-01-01"]


def test_a_pandas_index_in_parquet_is_a_column_if_it_has_a_name(tmp_path: Path) -> None:
    """Nothing that was saved is lost."""
    pd.DataFrame({"a": [1, 2]}, index=pd.Index(["x", "y"], name="key")).to_parquet(tmp_path / "t.parquet")
    assert load_source("t.parquet", target="a", base=tmp_path).column_names == ("key", "a")


def test_an_npz_archive_is_read_by_the_names_of_its_arrays(tmp_path: Path) -> None:
    """Features keep type and shape; what has one value per row is a column; the rest is left out."""
    X = np.arange(6, dtype=np.float32).reshape(3, 2)
    np.savez(tmp_path / "a.npz", X=X, y=[0, 1, 0], time=np.arange(3.0), names=np.array(["x", "y"]))
    data = load_source("a.npz", target="y", base=tmp_path)
    features = data.features(["y", "time"])
    assert isinstance(features, np.ndarray)
    assert features.dtype == np.float32
    assert data.column_names == ("y", "time", "x0", "x1")
    np.savez(tmp_path / "b.npz", data=X, target=["u", "v", "u"], feature_names=["one", "two"])
    assert load_source("b.npz", target="target", base=tmp_path).column_names == ("target", "one", "two")
    np.savez(tmp_path / "c.npz", height=[1.0, 2.0], label=[0, 1])
    assert load_source("c.npz", target="label", base=tmp_path).kind is DatasetKind.TABLE


def test_data_in_memory_is_reached_by_url(folder: Path) -> None:
    """As any place that fsspec knows."""
    with fsspec.open("memory://data/people.csv.gz", "wb") as file:
        file.write((folder / "people.csv.gz").read_bytes())
    data = load_source("memory://data/people.csv.gz", target="id", base=folder)
    assert dataset_hash(data) == dataset_hash(load_source("people.csv", target="id", base=folder))
    assert "memory://data/nothing.csv does not exist" in refused("memory://data/nothing.csv", folder)


def test_scikit_learns_data_sets_are_known_by_name(tmp_path: Path) -> None:
    """The target takes the name that the study gives it; features have scikit-learn's names."""
    digits = load_source("sklearn:digits", target="label", base=tmp_path)
    assert (digits.kind, digits.rows) == (DatasetKind.ARRAY, 1797)
    assert digits.column_names[:2] == ("label", "pixel_0_0")
    assert load_source("sklearn:load_wine", target=None, base=tmp_path).column_names[0] == "target"
    assert dataset_hash(digits) == dataset_hash(load_source("sklearn:digits", target="label", base=tmp_path))
    linnerud = load_source("sklearn:linnerud", target="Waist", base=tmp_path)
    assert linnerud.column_names[:3] == ("Weight", "Waist", "Pulse")
    bmi = load_source("sklearn:diabetes", target="bmi", base=tmp_path)
    assert "target" in bmi.column_names


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("sklearn:digit", "scikit-learn has no data set named 'digit'; did you mean 'sklearn:digits'?"),
        ("sklearn:xyzzy", "there are: 20newsgroups"),
        ("peple.csv", "did you mean 'people.csv'?"),
        ("sub/people.csv", "does not exist either; paths are relative to the study file's folder"),
        ("zzz.csv", "there is no file"),
        ("people.xlsx", "names a file of an unknown kind (.xlsx); known are .csv, .tsv"),
        ("people", "(no suffix)"),
        (".", "(no suffix)"),
        ("nonsense://x/people.csv", "nonsense://x/people.csv cannot be used as a location"),
    ],
)
def test_a_source_that_does_not_exist_is_told_with_the_nearest(folder: Path, source: str, said: str) -> None:
    """The value, the rule, the next step."""
    assert said in refused(source, folder)


def test_a_missing_driver_names_the_package_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As fsspec knows it."""
    monkeypatch.setitem(sys.modules, "s3fs", None)
    assert "s3:// needs a package that is not installed: Install s3fs" in refused("s3://bucket/people.csv", tmp_path)


def test_a_wrong_target_names_the_nearest_column(folder: Path) -> None:
    """In every kind of source that names its columns."""
    assert "people.csv: there is no column 'membr' in the data; did you mean 'member'?" in refused(
        "people.csv", folder, "membr"
    )
    np.savez(folder / "a.npz", X=np.zeros((2, 2)), y=[0, 1])
    assert "its columns are 'y', 'x0', 'x1'" in refused("a.npz", folder, "label")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "it is empty; the first line holds the names"),
        (b"\n\n", "it is empty"),
        (b"a,b\n", "the data has no rows"),
        (b"a,b,a\n1,2,3\n", "two columns (number 1 and 3) are named 'a'"),
        (b"a,b\n1,2\n1,2,3\n", "every row needs as many fields as the first"),
        (b"a,b\n1,2,3\n4,5,6\n", "its rows have more fields than its first line has names (2)"),
        ("a,b\n1,é\n".encode("latin-1"), "it is not UTF-8 text"),
        (b'a,b\n1,"2\n', "it is not a table"),
    ],
)
def test_a_broken_csv_is_refused_in_a_sentence(tmp_path: Path, content: bytes, said: str) -> None:
    """Never half read, never shifted by a column."""
    (tmp_path / "bad.csv").write_bytes(content)
    told = refused("bad.csv", tmp_path)
    assert told.startswith(str(tmp_path / "bad.csv"))
    assert said in told
    assert "\n" not in told


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("bad.parquet", "it is not a Parquet file, or it is damaged"),
        ("bad.npz", "it is not an NPZ archive"),
        ("bad.csv.gz", "cannot be read: Not a gzipped file"),
        ("bad.csv.xz", "cannot be read"),
        ("bad.csv.bz2", "cannot be read"),
    ],
)
def test_a_damaged_file_is_refused(tmp_path: Path, name: str, said: str) -> None:
    """With its name and what it should have been."""
    (tmp_path / name).write_bytes(b"this is none of them")
    assert said in refused(name, tmp_path)


def test_a_file_that_was_cut_short_is_refused(folder: Path) -> None:
    """Whatever format it has."""
    np.savez_compressed(folder / "people.npz", X=np.random.default_rng(0).normal(size=(50, 4)), y=np.zeros(50))
    for name in ("people.parquet", "people.npz", "people.csv.gz", "people.csv.xz"):
        whole = (folder / name).read_bytes()
        (folder / name).write_bytes(whole[: len(whole) // 2])
        assert str(folder / name) in refused(name, folder)


def test_pickles_in_an_archive_are_never_read(tmp_path: Path) -> None:
    """Reading data runs nobody's code."""
    np.savez(tmp_path / "evil.npz", X=np.array([{"a": 1}], dtype=object), allow_pickle=True)
    assert "it holds pickled Python objects, which are never read" in refused("evil.npz", tmp_path)


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"y": np.zeros(3)}, "no array holds the features; name it X (or data)"),
        ({"a": np.zeros((2, 2)), "b": np.zeros((2, 2))}, "several arrays could hold the features (a, b)"),
        ({"X": np.zeros((3, 2)), "y": np.zeros(2)}, "'y' has shape (2,) and the features have 3 rows"),
        ({"X": np.zeros((0, 2))}, "no rows"),
    ],
)
def test_an_archive_without_usable_features_is_refused(
    tmp_path: Path, arrays: dict[str, np.ndarray[tuple[int, ...], np.dtype[np.float64]]], said: str
) -> None:
    """With the shapes that were found."""
    np.savez(tmp_path / "a.npz", **arrays)  # type: ignore[arg-type]  # arrays by name
    assert said in refused("a.npz", tmp_path)


FUNCTIONS = """
import numpy as np, pandas as pd
from sklearn.utils import Bunch
from scipy import sparse
import beside_it

X, y = np.arange(8.0).reshape(4, 2), np.array(["a", "b", "a", "b"])
def pair(): return X, y
def triple(): return X.tolist(), list(y), [1, 1, 2, 2]
def frame(): return pd.DataFrame({"one": X[:, 0], "label": y})
def frames(): return pd.DataFrame({"one": X[:, 0]}), pd.Series(y, name="kind")
def bunch(): return Bunch(data=X, target=y, feature_names=["one", "two"], DESCR="text", target_names=["a", "b"])
def columns(): return {"one": X[:, 0], "label": y}
def arrays(): return {"X": X, "label": y, "groups": [1, 1, 2, 2]}
def texts(): return np.array([["red", 1], ["blue", 2], ["red", 3], ["blue", 4]], dtype=object), y
def nothing(): return None
def lonely(): return X
def flat(): return X[:, 0], y
def short(): return X, y[:2]
def thin(): return sparse.csr_matrix(X), y
def fails(): return 1 / beside_it.ZERO
not_a_function = 3
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A study's folder with modules of its own."""
    (tmp_path / "pkg").mkdir()
    (tmp_path / "pkg" / "__init__.py").touch()
    (tmp_path / "pkg" / "shelf.py").write_text(FUNCTIONS)
    (tmp_path / "beside_it.py").write_text("ZERO = 0\n")
    (tmp_path / "broken.py").write_text("raise RuntimeError('at import')\n")
    (tmp_path / "needy.py").write_text("import a_library_nobody_has\n")
    return tmp_path


@pytest.mark.parametrize(
    ("function", "kind", "names"),
    [
        ("pair", "array", ("label", "x0", "x1")),
        ("triple", "array", ("label", "groups", "x0", "x1")),
        ("frame", "table", ("one", "label")),
        ("frames", "table", ("one", "label")),
        ("bunch", "array", ("label", "one", "two")),
        ("columns", "table", ("one", "label")),
        ("arrays", "array", ("label", "groups", "x0", "x1")),
        ("texts", "table", ("x0", "x1", "label")),
        ("flat", "table", ("x0", "label")),
    ],
)
def test_a_function_may_return_data_in_every_usual_form(
    project: Path, function: str, kind: str, names: tuple[str, ...]
) -> None:
    """Its module is found beside the study file, together with what it imports from there."""
    data = load_source(f"python:pkg.shelf:{function}", target="label", base=project)
    assert (str(data.kind), data.column_names) == (kind, names)
    assert data.column("label").tolist() == ["a", "b", "a", "b"]


def test_a_target_without_a_name_in_the_study_keeps_its_own(project: Path) -> None:
    """Or is simply called target."""
    assert load_source("python:pkg.shelf:frames", target=None, base=project).column_names == ("one", "kind")
    assert load_source("python:pkg.shelf:pair", target=None, base=project).column_names[0] == "target"


def test_the_users_modules_leave_no_trace_and_are_read_again(project: Path) -> None:
    """Another study may have modules of the same names, and this one may be edited."""
    before = list(sys.path)
    load_source("python:pkg.shelf:pair", target="label", base=project)
    assert sys.path == before
    assert "pkg.shelf" not in sys.modules
    (project / "pkg" / "shelf.py").write_text("def pair(): return [[1.0], [2.0]], [0, 1]\n")
    assert load_source("python:pkg.shelf:pair", target="label", base=project).rows == 2


def test_modules_are_found_in_the_code_folder_too(project: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The study file may lie elsewhere."""
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    assert load_source("python:pkg.shelf:pair", target="label", base=elsewhere, code=project).rows == 4


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("pkg.shelf:fails", "raised ZeroDivisionError: division by zero (shelf.py, line 21, in fails)"),
        ("pkg.shelf:nothing", "did not give usable data: it is None; give (X, y)"),
        ("pkg.shelf:lonely", "it is a ndarray of shape (4, 2)"),
        ("pkg.shelf:short", "has 2 values for 4 rows"),
        ("pkg.shelf:thin", "sparse matrix of shape (4, 2); studies hold dense data: return .toarray()"),
        ("pkg.shelf:pear", "has no function 'pear'; did you mean 'pair'?"),
        ("pkg.shelf:not_a_function", "is a int; the data comes from a function"),
        ("pkg.shelf", "is not of the form python:package.module:function"),
        ("beside_hit:load", "there is no module 'beside_hit', neither in"),
        ("beside_hit:load", "did you mean 'beside_it'?"),
        ("pkg.shelves:load", "there is no module 'pkg.shelves'"),
        ("needy:load", "module 'needy' needs 'a_library_nobody_has', which is not installed"),
        ("broken:load", "module 'broken' cannot be imported: RuntimeError: at import (broken.py, line 1"),
    ],
)
def test_a_function_that_fails_is_told_with_its_place(project: Path, path: str, said: str) -> None:
    """The last line of the traceback, or what came instead of data."""
    assert said in refused(f"python:{path}", project)


def test_equal_data_is_stored_once_and_opened_once(folder: Path) -> None:
    """By content; every later study in the process shares the same mapping."""
    artifacts = MemoryArtifacts()
    first = store_dataset(load_source("people.csv", target=None, base=folder), artifacts)
    assert store_dataset(load_source("people.parquet", target=None, base=folder), artifacts) == first
    opened = open_stored(artifacts, first)
    assert open_stored(artifacts, first) is opened
    assert dataset_hash(opened) == first
    assert opened.column("id").tolist() == [2**62, 1, -(2**62), 0]
    artifacts.close()


def test_a_dataset_that_was_never_stored_is_not_found() -> None:
    """By its hash."""
    artifacts = MemoryArtifacts()
    with pytest.raises(NotFoundError, match="0000"):
        open_stored(artifacts, dataset_hash_of_nothing())
    artifacts.close()


def dataset_hash_of_nothing() -> ContentHash:
    """A hash nobody has."""
    return ContentHash("0" * 64)
