"""Datasets: one form for all data, mapped into memory as it lies in its file."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from tenfold_common.data.dataset import (
    Dataset,
    DatasetKind,
    array_dataset,
    dataset_bytes,
    dataset_hash,
    open_dataset,
    table_dataset,
    write_dataset,
)
from tenfold_common.data.tables import column_from_array, dataset_from_arrays, table_from_frame
from tenfold_common.data.values import Column, ColumnKind, numeric_column
from tenfold_common.domain.canonical import content_hash
from tenfold_common.errors import DataError


def table() -> Dataset:
    """Every kind of column, with and without gaps, out of the ASCII world too."""
    return table_from_frame(
        pd.DataFrame(
            {
                "grösse": [1.5, np.nan, -0.25],
                "city": ["Zürich", None, "東京"],
                "ok": [True, False, True],
                "maybe": pd.array([True, None, False], dtype="boolean"),
                "count": [2**62, -5, 7],
                "day": pd.to_datetime(pd.Series(["2024-02-29", None, "1999-12-31"], dtype=object)),
                "huge": np.array([2**64 - 1, 0, 1], dtype=np.uint64),
            }
        )
    )


def array() -> Dataset:
    """Five rows of three features, and a target of texts."""
    X = np.arange(15, dtype=np.float32).reshape(5, 3)
    y = column_from_array("label", np.array(["b", "a", "b", "c", "a"]))
    return array_dataset(X, [y, numeric_column("groups", np.array([1, 1, 2, 2, 3]))])


@pytest.fixture
def reopened(tmp_path: Path) -> Dataset:
    """The table, written and mapped."""
    write_dataset(table(), tmp_path / "table")
    return open_dataset(tmp_path / "table")


def is_mapped(values: npt.NDArray[np.generic]) -> bool:
    """Whether an array's memory is a mapped file."""
    holder: object = values
    while isinstance(holder, np.ndarray):
        if isinstance(holder, np.memmap):
            return True
        holder = holder.base
    return False


def test_numbers_of_an_opened_table_are_the_file_itself(reopened: Dataset) -> None:
    """No copy, aligned, native, and not to be written to."""
    for name in ("grösse", "ok", "maybe", "count", "day", "huge"):
        values = reopened.column(name)
        assert is_mapped(values), name
        assert not values.flags.writeable
        assert values.flags.aligned
        assert values.dtype.isnative
        assert values.ctypes.data % 64 == 0
        with pytest.raises(ValueError, match="read-only"):
            values[0] = values[1]


def test_the_frame_of_an_opened_table_shares_the_files_memory(reopened: Dataset) -> None:
    """A DataFrame costs no copy of the numbers, however often it is made."""
    frame = reopened.features(["day"])
    assert isinstance(frame, pd.DataFrame)
    assert np.shares_memory(frame["grösse"].to_numpy(), reopened.column("grösse"))
    assert list(frame.columns) == ["grösse", "city", "ok", "maybe", "count", "huge"]


def test_texts_become_plain_objects_with_nan_for_missing(reopened: Dataset) -> None:
    """Whatever pandas makes of strings by its options, scikit-learn's encoders and imputers take these."""
    from sklearn.impute import SimpleImputer
    from sklearn.preprocessing import OneHotEncoder

    frame = reopened.features(["day"])
    assert isinstance(frame, pd.DataFrame)
    assert frame["city"].dtype == object
    assert frame["city"].tolist()[::2] == ["Zürich", "東京"]
    assert np.isnan(frame["city"].iloc[1])
    assert OneHotEncoder(handle_unknown="ignore").fit_transform(frame[["city"]]).shape == (3, 3)
    filled = SimpleImputer(strategy="most_frequent").fit_transform(frame[["city"]])
    assert filled[1, 0] in {"Zürich", "東京"}


def test_what_is_written_is_what_is_read(reopened: Dataset) -> None:
    """Kinds, values, gaps and order survive, and so does the hash."""
    before = table()
    assert reopened.column_names == before.column_names
    assert reopened.rows == 3
    for name in before.column_names:
        assert reopened.find(name).kind == before.find(name).kind
        assert reopened.missing(name).tolist() == before.missing(name).tolist()
        pd.testing.assert_series_equal(pd.Series(reopened.column(name)), pd.Series(before.column(name)))
    assert dataset_hash(reopened) == dataset_hash(before)
    assert reopened.column("huge")[0] == 2**64 - 1
    assert reopened.column("count")[0] == 2**62


def test_a_boolean_with_gaps_is_one_zero_or_nan(reopened: Dataset) -> None:
    """It stays known as a boolean."""
    assert reopened.find("maybe").kind is ColumnKind.BOOLEAN
    np.testing.assert_array_equal(reopened.column("maybe"), [1.0, np.nan, 0.0])


def test_an_opened_array_is_the_file_itself(tmp_path: Path) -> None:
    """The feature matrix keeps its type and its shape."""
    write_dataset(array(), tmp_path / "array")
    dataset = open_dataset(tmp_path / "array")
    X = dataset.features([])
    assert isinstance(X, np.ndarray)
    assert is_mapped(X)
    assert not X.flags.writeable
    assert X.dtype == np.float32
    assert X.shape == (5, 3)
    assert X.ctypes.data % 64 == 0
    assert dataset.kind is DatasetKind.ARRAY
    assert dataset.column("label").tolist() == ["b", "a", "b", "c", "a"]
    assert dataset.column_names == ("label", "groups", "x0", "x1", "x2")


def test_a_feature_of_an_array_can_be_named_and_dropped() -> None:
    """Named arrays beside the features are never part of them."""
    dataset = array()
    assert dataset.column("x1").tolist() == [1.0, 4.0, 7.0, 10.0, 13.0]
    left = dataset.features(["label", "x1"])
    assert isinstance(left, np.ndarray)
    assert left.tolist() == [[0, 2], [3, 5], [6, 8], [9, 11], [12, 14]]
    with pytest.raises(DataError, match="no feature is left"):
        dataset.features(["x0", "x1", "x2"])


def test_images_keep_their_axes(tmp_path: Path) -> None:
    """Features may have more than two axes; then they have no names."""
    X = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    write_dataset(array_dataset(X, [numeric_column("y", np.array([0, 1]))]), tmp_path / "images")
    dataset = open_dataset(tmp_path / "images")
    np.testing.assert_array_equal(dataset.features([]), X)
    assert dataset.column_names == ("y",)


def test_equal_data_has_equal_bytes_however_it_lies_in_memory() -> None:
    """Strides, byte order and spellings of NaN are not data."""
    X = np.array([[1.0, 2.0], [3.0, np.nan]])
    odd_nan = X.copy()
    odd_nan[1, 1] = np.array([0xFFF8000000000001], dtype=np.uint64).view(np.float64)[0]
    y = numeric_column("y", np.array([1, 0]))
    small = numeric_column("y", np.array([1, 0], dtype=np.int8))
    expected = dataset_bytes(array_dataset(X, [y]))
    for other in (np.asfortranarray(X), X.astype(">f8"), odd_nan, np.repeat(X, 2, axis=0)[::2]):
        assert dataset_bytes(array_dataset(other, [small])) == expected
    assert dataset_hash(array_dataset(X, [y])) == content_hash(expected)


def test_different_data_has_different_bytes() -> None:
    """Names, kinds and values all count."""
    base = [numeric_column("a", np.array([1, 2]))]
    others = [
        [numeric_column("b", np.array([1, 2]))],
        [numeric_column("a", np.array([1.0, 2.0]))],
        [numeric_column("a", np.array([2, 1]))],
        [column_from_array("a", ["1", "2"])],
    ]
    hashes = {dataset_hash(table_dataset(columns)) for columns in [base, *others]}
    assert len(hashes) == 5


def test_selected_rows_forget_the_labels_of_the_others() -> None:
    """A sealed test set leaves no trace of its classes in what is left; order is as asked."""
    chosen = table().select_rows([2, 1])
    assert chosen.rows == 2
    assert chosen.column("city")[0] == "東京"
    assert "Zürich".encode() not in dataset_bytes(chosen)
    assert dataset_hash(chosen.select_rows([1, 0])) == dataset_hash(table().select_rows(np.array([1, 2])))
    assert array().select_rows([4]).column("label").tolist() == ["a"]
    assert array().select_rows(np.array([True, False, False, True, False])).column("x0").tolist() == [0.0, 9.0]


def test_selecting_no_rows_is_refused() -> None:
    """A dataset has rows."""
    with pytest.raises(DataError, match="the data has no rows"):
        table().select_rows([])


def test_an_unknown_column_names_the_nearest() -> None:
    """In lookups and in what is dropped."""
    with pytest.raises(DataError, match=r"no column 'citi' in the data; did you mean 'city'\?"):
        table().column("citi")
    with pytest.raises(DataError, match="did you mean 'maybe'"):
        table().features(["maybee"])
    with pytest.raises(DataError, match="its columns are 'label', 'groups', 'x0'"):
        array().column("nothing of this kind")


def test_a_table_without_features_is_refused() -> None:
    """The model needs at least one column."""
    with pytest.raises(DataError, match="no feature column is left without 'a'"):
        table_dataset([numeric_column("a", np.array([1]))]).features(["a"])


@pytest.mark.parametrize(
    ("matrix", "said"),
    [
        (np.zeros(3), r"shape \(3,\)"),
        (np.zeros((3, 0)), "there is no feature in it"),
        (np.zeros((0, 2)), "no rows"),
        (np.zeros((3, 2), dtype=complex), "type complex128"),
        (np.zeros((2, 2)), "has 3 values for 2 rows"),
    ],
)
def test_features_of_a_wrong_shape_are_refused(matrix: npt.NDArray[np.generic], said: str) -> None:
    """With the shape that was given."""
    with pytest.raises(DataError, match=said):
        array_dataset(matrix, [numeric_column("y", np.array([1, 2, 3][: max(len(matrix), 3)]))])


def test_two_columns_of_one_name_are_refused() -> None:
    """Also between features and what stands beside them."""
    one = numeric_column("x0", np.array([1]))
    with pytest.raises(DataError, match="two columns named 'x0'"):
        table_dataset([one, one])
    with pytest.raises(DataError, match="two columns named 'x0'"):
        array_dataset(np.zeros((1, 1)), [one])
    with pytest.raises(DataError, match="2 feature names for 1 features"):
        array_dataset(np.zeros((1, 1)), [], ["a", "b"])


@pytest.mark.parametrize("damage", ["cut", "magic", "header", "version", "empty"])
def test_a_damaged_container_is_refused(tmp_path: Path, damage: str) -> None:
    """Named, with what to do; never half read."""
    whole = dataset_bytes(table())
    damaged = {
        "cut": whole[:-100],
        "magic": b"PK" + whole[2:],
        "header": whole[:30] + b"\xff\xff" + whole[32:],
        "version": whole.replace(b'"format":1', b'"format":9', 1),
        "empty": b"",
    }[damage]
    (tmp_path / "data").write_bytes(damaged)
    with pytest.raises(DataError, match="data is not a dataset written by this version of Tenfold, or it is damaged"):
        open_dataset(tmp_path / "data")


def test_a_missing_container_is_named(tmp_path: Path) -> None:
    """With the reason of the operating system."""
    with pytest.raises(DataError, match="nothing cannot be opened: No such file"):
        open_dataset(tmp_path / "nothing")


def test_an_interrupted_write_leaves_nothing(tmp_path: Path) -> None:
    """A container appears whole or not at all."""
    broken = Column(name="x", kind=ColumnKind.NUMBER, values=np.array([object()]))
    with pytest.raises((TypeError, ValueError)):
        write_dataset(Dataset(kind=DatasetKind.TABLE, rows=1, columns=(broken,)), tmp_path / "data")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        ([1, 2, 3], ColumnKind.NUMBER, [1, 2, 3]),
        (pd.array([1, None, 3], dtype="Int64"), ColumnKind.NUMBER, [1.0, None, 3.0]),
        (pd.array([2**53 + 1, None], dtype="Int64"), ColumnKind.TEXT, ["9007199254740993", None]),
        ([2**70, 1], ColumnKind.TEXT, ["1180591620717411303424", "1"]),
        ([2**63, 1], ColumnKind.NUMBER, [2**63, 1]),
        (["a", 1, 2.5], ColumnKind.TEXT, ["a", "1", "2.5"]),
        ([True, None], ColumnKind.BOOLEAN, [1.0, None]),
        ([None, None], ColumnKind.NUMBER, [None, None]),
        (pd.Categorical(["x", None, "y"]), ColumnKind.TEXT, ["x", None, "y"]),
        (pd.Categorical([3, None, 1]), ColumnKind.NUMBER, [3.0, None, 1.0]),
        (pd.Series(["x", None], dtype="string[pyarrow]"), ColumnKind.TEXT, ["x", None]),
        (pd.Series([1, None], dtype="int64[pyarrow]"), ColumnKind.NUMBER, [1.0, None]),
        (pd.to_timedelta(["1min", None]), ColumnKind.NUMBER, [60.0, None]),
        (pd.arrays.SparseArray([0, 1]), ColumnKind.NUMBER, [0, 1]),
        (np.array([[1], [2]]), ColumnKind.NUMBER, [1, 2]),
        (np.array([b"a"], dtype="S1").astype("U1"), ColumnKind.TEXT, ["a"]),
        (["2020-02-30", "2020-01-01"], ColumnKind.TEXT, ["2020-02-30", "2020-01-01"]),
        (["9999-12-31", "2020-01-01"], ColumnKind.TEXT, ["9999-12-31", "2020-01-01"]),
        (pd.Series(pd.period_range("2020-01", periods=2, freq="M")), ColumnKind.TEXT, ["2020-01", "2020-02"]),
    ],
)
def test_values_of_every_library_become_one_form(values: object, kind: ColumnKind, expected: list[object]) -> None:
    """Widened where a gap or a size demands it, and never to a float that merges two integers."""
    column = column_from_array("c", values)
    assert column.kind is kind
    found = column.materialised().tolist()
    assert [None if gap else value for value, gap in zip(found, column.missing(), strict=True)] == expected


@pytest.mark.parametrize(
    "values",
    [
        ["2024-01-01T00:00:00Z", "2024-01-01T02:30:00+02:00"],
        pd.to_datetime(["2024-01-01T00:00Z", "2024-01-01T00:30Z"]),
        pd.to_datetime(["2024-01-01 00:00", "2024-01-01 00:30"]).tz_localize("UTC").tz_convert("Asia/Tokyo"),
        np.array(["2024-01-01T00:00", "2024-01-01T00:30"], dtype="datetime64[s]"),
        pd.to_datetime(["2024-01-01T00:00Z", "2024-01-01T00:30Z"]).to_pydatetime().astype(object),
    ],
)
def test_moments_of_every_kind_are_utc(values: object) -> None:
    """Offsets are applied, then forgotten."""
    column = column_from_array("t", values)
    assert column.kind is ColumnKind.DATETIME
    assert (
        column.materialised().tolist()
        == np.array(["2024-01-01T00:00", "2024-01-01T00:30"], dtype="datetime64[ns]").astype(np.int64).tolist()
    )


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([[1], [2, 3]], "cannot be made an array"),
        (pd.Series([[1], [2]]), "holds list values"),
        (pd.Series([b"a"]), "holds bytes values"),
        (np.array([1j]), "type complex128"),
        (np.zeros((2, 2)), r"shape \(2, 2\); it needs one value per row"),
    ],
)
def test_what_no_cell_can_hold_is_refused(values: object, said: str) -> None:
    """With the kind of value and what to do."""
    with pytest.raises(DataError, match=said):
        column_from_array("c", values)


def test_features_that_are_not_all_numbers_become_a_table() -> None:
    """Every column has a type of its own then."""
    X = np.array([["a", 1], ["b", 2]], dtype=object)
    dataset = dataset_from_arrays(X, {"y": [0, 1]}, ["letter", "number"])
    assert dataset.kind is DatasetKind.TABLE
    assert dataset.column_names == ("letter", "number", "y")
    assert dataset.find("number").kind is ColumnKind.NUMBER


def test_named_levels_of_an_index_are_columns() -> None:
    """An index with a name is data; one without only counts rows."""
    frame = pd.DataFrame({"a": [1, 2]}, index=pd.Index(["p", "q"], name="patient"))
    assert table_from_frame(frame).column_names == ("patient", "a")
    assert table_from_frame(frame.rename_axis(None)).column_names == ("a",)


def test_texts_that_utf8_cannot_say_survive(tmp_path: Path) -> None:
    """Half a surrogate pair is a bad text, not a reason to lose the data."""
    write_dataset(table_dataset([column_from_array("t", ["\ud800", ""])]), tmp_path / "data")
    assert open_dataset(tmp_path / "data").column("t").tolist() == ["\ud800", ""]
