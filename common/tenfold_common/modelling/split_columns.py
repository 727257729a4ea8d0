"""The columns that splitters look at, brought to numbers that can be compared and counted."""

from typing import TYPE_CHECKING, Any, Final

from tenfold_common.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Codes = NDArray[np.int_]

_GIVE: Final = "give every row one, or leave it out of the data"

# Any in this module: columns of any element type.


def class_codes(y: "NDArray[Any]") -> "tuple[Codes, tuple[object, ...]]":
    """The number of each row's class, and the classes as the data has them.

    Raises:
        DataError: If the target holds no classes, or a row has none.
    """
    import numpy as np
    import pandas as pd

    values = np.asarray(y)
    if values.dtype.kind == "f" and not np.array_equal(values, np.round(values)):
        raise DataError(
            f"stratified folds need classes, and the target holds numbers such as {_fraction_in(values)}; use "
            "kfold, or name classes"
        )
    codes, labels = pd.factorize(values)
    if (codes < 0).any():
        raise DataError(f"row {int(np.argmax(codes < 0))} has no target; leave such rows out of the data")
    return codes, tuple(label.item() if hasattr(label, "item") else label for label in labels)


def _fraction_in(values: "NDArray[Any]") -> float:
    import numpy as np

    return float(values[np.argmax(values != np.round(values))])


def group_codes(groups: "NDArray[Any]") -> "Codes":
    """The number of each row's group.

    Raises:
        DataError: If a row has none.
    """
    import numpy as np
    import pandas as pd

    codes, _ = pd.factorize(np.asarray(groups))
    if (codes < 0).any():
        raise DataError(f"row {int(np.argmax(codes < 0))} has no group; {_GIVE}")
    return codes


def comparable_times(time: "NDArray[Any]") -> "NDArray[Any]":
    """Times as numbers or datetimes that can be compared.

    Text must be ISO 8601: other notations sort wrongly or mean different days in different countries.

    Raises:
        DataError: If a row has no time, or the column holds none.
    """
    import numpy as np
    import pandas as pd

    values = np.asarray(time)
    if values.dtype.kind not in "iufM":
        try:
            values = pd.to_datetime(pd.Series(list(values)), format="ISO8601", utc=True).to_numpy()
        except (ValueError, TypeError) as error:
            raise DataError(f"{values[0]!r} is not a time; use numbers, or times such as 2024-05-31T12:00") from error
    missing = pd.isna(values)
    if missing.any():
        raise DataError(f"row {int(np.argmax(missing))} has no time; {_GIVE}")
    return values
