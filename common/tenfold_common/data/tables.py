"""From pandas tables and loose arrays to datasets: each value in its one canonical form, whatever library held it.

The same table read from CSV, from Parquet or made in Python gives the same bytes. So types that only some of them
have (small integers, categories, decimals, string dates) are widened to what all of them have.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tenfold_common.data.dataset import Dataset, array_dataset, table_dataset
from tenfold_common.data.values import (
    Array,
    Column,
    ColumnKind,
    datetime_column,
    empty_column,
    incomplete_column,
    numeric_column,
    text_column,
)
from tenfold_common.errors import DataError

if TYPE_CHECKING:
    from pandas import DataFrame, Series

_ISO_MOMENT = re.compile(
    r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}([.]\d{1,9})?)?( ?(Z|[+-]\d{2}(:?\d{2})?))?)?", re.ASCII
)


def table_from_frame(frame: "DataFrame") -> Dataset:
    """A table dataset of a DataFrame's columns; named levels of its index become columns in front.

    Raises:
        DataError: If it has no rows or columns, names repeat, or cells hold what no column can.
    """
    named = [level for level in frame.index.names if level is not None]
    if named:
        frame = frame.reset_index(level=named)
    refuse_repeats([str(name) for name in frame.columns])
    return table_dataset(
        [column_from_series(str(frame.columns[at]), frame.iloc[:, at]) for at in range(frame.shape[1])],
        rows=len(frame),
    )


def dataset_from_arrays(
    features: object, columns: Mapping[str, object], feature_names: Sequence[str] | None = None
) -> Dataset:
    """A dataset of features and what stands beside them.

    Numeric features of two or more axes give an array dataset, everything else (a DataFrame, texts) a table.

    Args:
        features: An array, a DataFrame, or anything numpy makes an array of.
        columns: 1-D arrays by name: target, groups, …
        feature_names: One per feature; ``x0``, ``x1``, … by default.

    Raises:
        DataError: If shapes do not fit or the content cannot be represented.
    """
    from pandas import DataFrame

    beside = [column_from_array(name, values) for name, values in columns.items()]
    if not isinstance(features, DataFrame):
        matrix = dense(features, "the features")
        if matrix.ndim >= 2 and matrix.dtype.kind in "biuf":
            return array_dataset(matrix, beside, feature_names)
        features = _frame_of(matrix, feature_names)
    table = table_from_frame(features)
    return table_dataset([*table.columns, *beside], rows=table.rows)


def column_from_array(name: str, values: object) -> Column:
    """A column of anything one-dimensional (or with a second axis of length one).

    Raises:
        DataError: If it is not, or holds what no column can.
    """
    from pandas import Index, Series
    from pandas.api.extensions import ExtensionArray

    if isinstance(values, (Series, Index, ExtensionArray)):
        return column_from_series(name, Series(values))
    array = dense(values, f"{name!r}")
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise DataError(f"{name!r} has shape {array.shape}; it needs one value per row: give one array per column")
    if array.dtype.kind in "biufm":
        return numeric_column(name, array)
    if array.dtype.kind in "USO":
        array = array.astype(object)
    return column_from_series(name, Series(array, dtype=object if array.dtype == object else None))


def column_from_series(name: str, series: "Series") -> Column:
    """A column of a pandas Series of any type.

    Raises:
        DataError: If its cells hold what no column can (lists, bytes, complex numbers, …).
    """
    import pandas as pd

    series = _plain(series.reset_index(drop=True))
    missing = np.asarray(series.isna(), dtype=bool)
    if missing.all():
        return empty_column(name, len(series))
    if pd.api.types.is_bool_dtype(series.dtype):
        return incomplete_column(name, ColumnKind.BOOLEAN, _filled(series, missing, "bool"), missing)
    if pd.api.types.is_integer_dtype(series.dtype):
        kind = "uint64" if pd.api.types.is_unsigned_integer_dtype(series.dtype) else "int64"
        return incomplete_column(name, ColumnKind.NUMBER, _filled(series, missing, kind), missing)
    if pd.api.types.is_float_dtype(series.dtype):
        return numeric_column(name, series.to_numpy(dtype=np.float64, na_value=np.nan))
    if pd.api.types.is_datetime64_any_dtype(series.dtype):
        return _moments(name, series, missing)
    if series.dtype.kind in "mc":
        return numeric_column(name, series.to_numpy())
    if isinstance(series.dtype, pd.StringDtype):
        return _texts(name, series.astype(object).to_numpy(), missing)
    return _objects(name, series.astype(object).to_numpy(), missing)


def refuse_repeats(names: Sequence[str]) -> None:
    """Refuse column names that occur twice.

    Raises:
        DataError: Naming the first that does.
    """
    for number, name in enumerate(names):
        if name in names[:number]:
            first = list(names).index(name)
            raise DataError(
                f"two columns (number {first + 1} and {number + 1}) are named {name!r}; "
                f"names must be unique: rename one of them"
            )


def dense(values: object, what: str) -> Array:
    """The numpy array of something array-like.

    Raises:
        DataError: For sparse matrices and for nested lists of different lengths.
    """
    if hasattr(values, "toarray") and hasattr(values, "nnz"):
        raise DataError(
            f"{what} are a sparse matrix of shape {getattr(values, 'shape', '?')}; studies hold dense data: "
            f"return .toarray(), or put the step that makes it sparse into the pipeline"
        )
    try:
        return np.asarray(values)
    except (ValueError, TypeError) as error:
        raise DataError(f"{what} cannot be made an array ({error}); give every row the same length") from error


def _frame_of(matrix: Array, names: Sequence[str] | None) -> "DataFrame":
    from pandas import DataFrame

    if matrix.ndim == 1:
        matrix, names = matrix[:, np.newaxis], names if names is not None and len(names) == 1 else ["x0"]
    if matrix.ndim != 2:
        raise DataError(
            f"the features have shape {matrix.shape} and type {matrix.dtype}; only numbers have more axes"
        )
    if names is None or len(names) != matrix.shape[1]:
        names = [f"x{number}" for number in range(matrix.shape[1])]
    # One column at a time: the columns of an object array have types of their own.
    return DataFrame({name: matrix[:, at].astype(object) for at, name in enumerate(names)}, dtype=object)


def _plain(series: "Series") -> "Series":
    """The series without categories and Arrow types, whose values have plain types of their own."""
    import pandas as pd

    if isinstance(series.dtype, pd.CategoricalDtype):
        categories = series.cat.categories.astype(_category_type(series.cat.categories.dtype))
        return pd.Series(categories.array.take(series.cat.codes.to_numpy(), allow_fill=True))
    if isinstance(series.dtype, pd.ArrowDtype):
        import pyarrow as pa

        arrow = pa.array(series.array)
        return _plain(pd.Series(arrow.to_pandas(types_mapper=nullable_types().get)))
    if isinstance(series.dtype, pd.SparseDtype):
        return pd.Series(series.to_numpy())
    return series


def nullable_types() -> Mapping[object, object]:
    """Arrow types and the pandas types that hold their missing values without changing the others."""
    import pandas as pd
    import pyarrow as pa

    pairs: dict[object, object] = {pa.bool_(): pd.BooleanDtype()}
    for bits in (8, 16, 32, 64):
        pairs[getattr(pa, f"int{bits}")()] = getattr(pd, f"Int{bits}Dtype")()
        pairs[getattr(pa, f"uint{bits}")()] = getattr(pd, f"UInt{bits}Dtype")()
    return pairs


def _category_type(dtype: Any) -> Any:  # Any: types of numpy and pandas
    """A type for categories in which a value can be missing without changing the others."""
    kinds = {"b": "boolean", "i": "Int64", "u": "UInt64", "f": "Float64"}
    return kinds.get(getattr(dtype, "kind", "O"), dtype)


def _filled(series: "Series", missing: Array, dtype: str) -> Array:
    if missing.any():
        series = series.fillna(False if dtype == "bool" else 0)
    return series.to_numpy(dtype=dtype)


def _moments(name: str, series: "Series", missing: Array) -> Column:
    import pandas as pd

    try:
        utc = pd.to_datetime(series, utc=True).dt.as_unit("ns")
    except (pd.errors.OutOfBoundsDatetime, OverflowError):
        # Beyond the years 1677 to 2262, which nanoseconds cannot count ("9999-12-31" for never): kept as written.
        return text_column(name, series.astype(str).to_numpy(dtype=object), missing)
    return datetime_column(name, utc.to_numpy(dtype="datetime64[ns]").view(np.int64), missing)


def _texts(name: str, texts: Array, missing: Array) -> Column:
    """A column of texts, or of moments if every one of them is an ISO 8601 date or date and time."""
    column = text_column(name, texts, missing)
    assert column.labels is not None
    if not all(_ISO_MOMENT.fullmatch(label) for label in column.labels.texts()[:-1]):
        return column
    import pandas as pd

    try:
        labels = pd.Series(column.labels.texts()[:-1].tolist(), dtype=object)
        moments = pd.to_datetime(labels, utc=True, format="ISO8601").dt.as_unit("ns")
    except (ValueError, OverflowError):  # "2021-02-30", or a year that nanoseconds cannot count
        return column
    nanoseconds = np.append(moments.to_numpy(dtype="datetime64[ns]").view(np.int64), 0)
    return datetime_column(name, nanoseconds[column.values], missing)


def _objects(name: str, values: Array, missing: Array) -> Column:
    """A column of Python objects, by what they are."""
    import pandas as pd

    inferred = pd.api.types.infer_dtype(values[~missing], skipna=False)
    makers: Mapping[str, Callable[[str, Array, Array], Column]] = {
        "string": _texts,
        "boolean": _object_booleans,
        "integer": _object_integers,
        "floating": _object_floats,
        "mixed-integer-float": _object_floats,
        "decimal": _object_floats,
        "date": _object_moments,
        "datetime": _object_moments,
        "datetime64": _object_moments,
        "timedelta": _object_spans,
        "timedelta64": _object_spans,
    }
    return makers.get(inferred, _mixture)(name, values, missing)


def _object_booleans(name: str, values: Array, missing: Array) -> Column:
    return incomplete_column(name, ColumnKind.BOOLEAN, np.where(missing, 0, values).astype(bool), missing)


def _object_integers(name: str, values: Array, missing: Array) -> Column:
    known = values[~missing].tolist()
    low, high = min(known), max(known)
    for dtype in (np.int64, np.uint64):
        if np.iinfo(dtype).min <= low and high <= np.iinfo(dtype).max:
            return incomplete_column(name, ColumnKind.NUMBER, np.where(missing, 0, values).astype(dtype), missing)
    return _mixture(name, values, missing)


def _object_floats(name: str, values: Array, missing: Array) -> Column:
    return numeric_column(name, np.where(missing, np.nan, values).astype(np.float64))


def _object_spans(name: str, values: Array, missing: Array) -> Column:
    import pandas as pd

    assert len(values) == len(missing)  # missing spans are NaT already; every maker is called alike
    return numeric_column(name, pd.to_timedelta(pd.Series(values, dtype=object)).to_numpy())


def _object_moments(name: str, values: Array, missing: Array) -> Column:
    import pandas as pd

    return _moments(name, pd.Series(values, dtype=object), missing)


def _mixture(name: str, values: Array, missing: Array) -> Column:
    """Texts among numbers: all become texts. Anything that is not a single value is refused."""
    from pandas import Interval, Period

    for value in values[~missing]:
        if not isinstance(value, (str, bool, int, float, np.generic, Period, Interval)) or isinstance(value, bytes):
            raise DataError(
                f"column {name!r} holds {type(value).__name__} values; a cell holds one number, boolean, text or "
                f"time: turn it into one of these or leave the column out"
            )
    texts = np.array([None if gap else str(value) for gap, value in zip(missing, values, strict=True)], dtype=object)
    return _texts(name, texts, missing)
