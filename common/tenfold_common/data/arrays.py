"""What loose results mean: tuples, dictionaries, Bunches and NPZ archives as datasets.

The names of arrays decide what they are; nothing is guessed from their values.
"""

from collections.abc import Mapping

import numpy as np

from tenfold_common.data.dataset import Dataset, table_dataset
from tenfold_common.data.tables import column_from_array, dataset_from_arrays, table_from_frame
from tenfold_common.errors import DataError

FEATURE_NAMES = ("X", "x", "data", "features")
"""Names of the array with the features, first match wins."""

TARGET_NAMES = ("y", "target")
"""Names of the target in results of functions; there it takes the name that the study file gives it."""

_ABOUT_FEATURES = "feature_names"


def dataset_from_result(result: object, target: str | None) -> Dataset:
    """A dataset of what a function returned.

    Args:
        result: ``(X, y)``, ``(X, y, groups)``, a DataFrame, a Bunch, a dictionary of arrays or a Dataset.
        target: The target's name in the study file; a target that came without a name gets it.

    Raises:
        DataError: If it is nothing of that kind.
    """
    from pandas import DataFrame

    if isinstance(result, Dataset):
        return result
    if isinstance(result, DataFrame):
        return table_from_frame(result)
    if isinstance(result, tuple) and len(result) in (2, 3):
        return _from_tuple(result, target)
    if isinstance(result, Mapping):
        frame = result.get("frame")
        if isinstance(frame, DataFrame):
            return table_from_frame(frame)
        return dataset_from_named(_named_target(result, target))
    raise DataError(
        f"it is {_described(result)}; give (X, y), (X, y, groups), a DataFrame, or a dictionary of arrays with one "
        f"named X or data"
    )


def dataset_from_named(arrays: Mapping[str, object]) -> Dataset:
    """A dataset of arrays that their names explain: ``X`` or ``data``, and 1-D arrays with one value per row.

    Without an array of features, 1-D arrays of one length are the columns of a table. ``feature_names`` names the
    features; a 2-D ``target`` becomes one column per entry of ``target_names``. Arrays that do not have one value per
    row (class names, descriptions) are left out.

    Raises:
        DataError: If no array can hold the features.
    """
    found = {str(name): value for name, value in arrays.items() if value is not None}
    key = _feature_key(found)
    if key is None:
        return _from_columns(found)
    rows = _shape(found[key])[0]
    columns: dict[str, object] = {}
    for name, value in found.items():
        if name in {key, _ABOUT_FEATURES}:
            continue
        if _shape(value) in {(rows,), (rows, 1)}:
            columns[name] = value
        elif name in TARGET_NAMES:
            columns |= _several_targets(name, value, rows, found)
    return dataset_from_arrays(found[key], columns, _texts(found.get(_ABOUT_FEATURES)))


def _from_tuple(result: tuple[object, ...], target: str | None) -> Dataset:
    features, values = result[0], result[1]
    taken = [str(name) for name in getattr(features, "columns", ())]
    wanted = [target, getattr(values, "name", None), "target"]
    name = next(str(each) for each in wanted if each is not None and (each not in taken or each == "target"))
    columns = {name: values}
    if len(result) == 3:
        columns["groups"] = result[2]
    if len(_shape(features)) < 1:
        raise DataError(f"X is {_described(features)}; it needs one row per example")
    return dataset_from_arrays(features, columns)


def _named_target(result: Mapping[str, object], target: str | None) -> Mapping[str, object]:
    names = _texts(result.get(_ABOUT_FEATURES))
    if target is None or target in result or target in names:
        return result
    if target in _texts(result.get("target_names")) and any(
        len(_shape(result.get(key))) == 2 for key in TARGET_NAMES
    ):
        return result
    return {(target if name in TARGET_NAMES else name): value for name, value in result.items()}


def _several_targets(name: str, value: object, rows: int, found: Mapping[str, object]) -> dict[str, object]:
    shape = _shape(value)
    if len(shape) != 2 or shape[0] != rows:
        raise DataError(f"{name!r} has shape {shape} and the features have {rows} rows; it needs one value per row")
    values, names = np.asarray(value), _texts(found.get("target_names"))
    if len(names) != shape[1]:
        names = [f"{name}_{number}" for number in range(shape[1])]
    return {each: values[:, number] for number, each in enumerate(names)}


def _feature_key(found: Mapping[str, object]) -> str | None:
    for name in FEATURE_NAMES:
        if name in found and len(_shape(found[name])) >= 1:
            return name
    wide = [name for name, value in found.items() if len(_shape(value)) >= 2]
    if len(wide) > 1:
        raise DataError(f"several arrays could hold the features ({', '.join(wide)}); name the right one X")
    return wide[0] if wide else None


def _from_columns(found: Mapping[str, object]) -> Dataset:
    flat = {name: value for name, value in found.items() if len(_shape(value)) == 1}
    lengths = {_shape(value)[0] for value in flat.values()}
    if len(lengths) == 1 and len(flat) > 1:
        return table_dataset([column_from_array(name, value) for name, value in flat.items()])
    shapes = ", ".join(f"{name} {_shape(value)}" for name, value in found.items()) or "none"
    raise DataError(f"no array holds the features; name it X (or data) and the target y. Arrays and shapes: {shapes}")


def _texts(names: object) -> list[str]:
    return [str(name) for name in names] if isinstance(names, (list, tuple, np.ndarray)) else []


def _shape(value: object) -> tuple[int, ...]:
    if isinstance(value, (str, bytes, Mapping)):
        return ()
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple):
        return shape
    return (len(value), *_shape(value[0])) if isinstance(value, (list, tuple)) and value else ()


def _described(value: object) -> str:
    if value is None:
        return "None"
    shape = _shape(value)
    return f"a {type(value).__name__}" + (f" of shape {shape}" if shape else "")
