"""Makes the folds of a study: once, from the data and the study's split seed alone.

What a splitter promises is checked after the folds were made, whoever made them: no side is empty, no row is on both
sides, groups are never split, nothing is validated on times that training has seen, and a stratified fold trains on
every class. Never look at features here: folds must not depend on what is tuned.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import ceil, comb
from typing import TYPE_CHECKING, Any, Final

from tenfold_common.domain.splitters import Splitter, SplitterKind
from tenfold_common.errors import DataError
from tenfold_common.modelling.fold_rows import Splits, from_folds, splits_from_path, splits_to_bytes
from tenfold_common.modelling.split_columns import class_codes, comparable_times, group_codes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Pair = tuple[NDArray[np.integer[Any]], NDArray[np.integer[Any]]]
    Codes = NDArray[np.integer[Any]]

__all__ = ["MOST_FOLDS", "Splits", "make_splits", "splits_from_path", "splits_to_bytes"]

MOST_FOLDS: Final = 10_000

# Any in this module: columns of any element type.


@dataclass(frozen=True, slots=True, kw_only=True)
class _Data:
    """What splitters may look at. ``None`` where the study has no such column.

    Attributes:
        classes: Class number of each row.
        groups: Group number of each row.
        times: Comparable time of each row.
        labels: The classes as the data has them, by class number.
        fold_names: The column of a predefined splitter.
    """

    rows: int
    seed: int
    classes: "Codes | None" = None
    groups: "Codes | None" = None
    times: "NDArray[Any] | None" = None
    labels: tuple[object, ...] = ()
    fold_names: "NDArray[Any] | None" = None


def make_splits(
    splitter: Splitter,
    *,
    rows: int,
    y: "NDArray[Any] | None",
    groups: "NDArray[Any] | None",
    time: "NDArray[Any] | None",
    predefined: "NDArray[Any] | None",
    seed: int,
) -> Splits:
    """The folds.

    Args:
        splitter: How to split.
        rows: Number of rows of the data.
        y: Target of every row; only stratified splitters look at it.
        groups: Group of every row; given, it is never split, whatever the splitter.
        time: Time of every row; rows are in time order already where it is None.
        predefined: Fold of every row, -1 for rows that always train; only for that splitter.
        seed: From ``integer_seed(study_seed, Stream.SPLITS)``.

    Raises:
        DataError: If the data has too few rows, groups, classes or times for it.
    """
    if rows < 2:
        raise DataError(f"the data has {rows} rows; folds need at least 2")
    classes, labels = class_codes(y) if splitter.kind.stratified and y is not None else (None, ())
    data = _Data(
        rows=rows,
        seed=seed,
        classes=classes,
        labels=labels,
        groups=None if groups is None else group_codes(groups),
        times=None if time is None else comparable_times(time),
        fold_names=predefined,
    )
    splits = from_folds(rows, list(_MAKERS[splitter.kind](splitter, data)))
    _check(splits, splitter, data)
    return splits


def _folds_of(splitter: Splitter) -> int:
    assert splitter.n_splits is not None, f"{splitter.kind} has a number of folds"
    return splitter.n_splits


def _fraction_of(splitter: Splitter) -> float:
    assert splitter.test_fraction is not None, f"{splitter.kind} has a fraction"
    return splitter.test_fraction


def _need(have: int, what: str, need: int) -> None:
    if have < need:
        raise DataError(f"{need} folds need at least {need} {what}, and the data has {have}; ask for fewer folds")


def _pairs(splitter: Any, data: _Data, y: Any = None, groups: Any = None) -> "Iterable[Pair]":  # Any: scikit-learn's
    import numpy as np

    return ((np.sort(train), np.sort(test)) for train, test in splitter.split(np.empty(data.rows), y, groups))


def _kfold(splitter: Splitter, data: _Data) -> "Iterable[Pair]":
    from sklearn.model_selection import KFold

    _need(data.rows, "rows", _folds_of(splitter))
    seed = data.seed if splitter.shuffle else None
    return _pairs(KFold(_folds_of(splitter), shuffle=splitter.shuffle, random_state=seed), data)


def _repeated_kfold(splitter: Splitter, data: _Data) -> "Iterable[Pair]":
    from sklearn.model_selection import RepeatedKFold

    _limit_repeats(splitter)
    _need(data.rows, "rows", _folds_of(splitter))
    made = RepeatedKFold(n_splits=_folds_of(splitter), n_repeats=splitter.repeats, random_state=data.seed)
    return _pairs(made, data)


def _stratified(splitter: Splitter, data: _Data) -> "Iterable[Pair]":
    from sklearn.model_selection import StratifiedKFold

    _need_members(data, _folds_of(splitter))
    seed = data.seed if splitter.shuffle else None
    made = StratifiedKFold(_folds_of(splitter), shuffle=splitter.shuffle, random_state=seed)
    return _pairs(made, data, data.classes)


def _repeated_stratified(splitter: Splitter, data: _Data) -> "Iterable[Pair]":
    from sklearn.model_selection import RepeatedStratifiedKFold

    _limit_repeats(splitter)
    _need_members(data, _folds_of(splitter))
    made = RepeatedStratifiedKFold(n_splits=_folds_of(splitter), n_repeats=splitter.repeats, random_state=data.seed)
    return _pairs(made, data, data.classes)


def _group(splitter: Splitter, data: _Data) -> "Iterable[Pair]":
    from sklearn.model_selection import GroupKFold

    _need(_group_count(data), "groups", _folds_of(splitter))
    return _pairs(GroupKFold(_folds_of(splitter)), data, groups=data.groups)


def _stratified_group(splitter: Splitter, data: _Data) -> "Iterable[Pair]":
    from sklearn.model_selection import StratifiedGroupKFold

    _need(_group_count(data), "groups", _folds_of(splitter))
    _need_members(data, _folds_of(splitter))
    made = StratifiedGroupKFold(_folds_of(splitter), shuffle=True, random_state=data.seed)
    return _pairs(made, data, data.classes, data.groups)


def _leave_p_groups_out(splitter: Splitter, data: _Data) -> "Iterable[Pair]":
    from sklearn.model_selection import LeavePGroupsOut

    count, left_out = _group_count(data), splitter.leave_out_groups or 1
    if count <= left_out:
        raise DataError(f"leaving {left_out} groups out needs more than {left_out} groups, and the data has {count}")
    _limit(comb(count, left_out), f"leaving {left_out} of {count} groups out", "use group folds instead")
    return _pairs(LeavePGroupsOut(left_out), data, groups=data.groups)


def _leave_one_out(splitter: Splitter, data: _Data) -> "Iterable[Pair]":
    from sklearn.model_selection import LeaveOneOut

    del splitter
    _limit(data.rows, f"leaving each of {data.rows} rows out", "use kfold or stratified folds instead")
    return _pairs(LeaveOneOut(), data)


def _shuffle_split(splitter: Splitter, data: _Data) -> "Iterable[Pair]":
    from sklearn.model_selection import ShuffleSplit

    _validation_rows(splitter, data)
    made = ShuffleSplit(splitter.n_splits or 1, test_size=_fraction_of(splitter), random_state=data.seed)
    return _pairs(made, data)


def _holdout(splitter: Splitter, data: _Data) -> "Iterable[Pair]":
    if splitter.shuffle:
        return _shuffle_split(splitter, data)
    rows = _validation_rows(splitter, data)
    return _in_time_order(data, folds=1, size=rows, gap=0, longest=None)


def _time_series(splitter: Splitter, data: _Data) -> "Iterable[Pair]":
    folds = _folds_of(splitter)
    size = splitter.test_rows or (data.rows - splitter.gap) // (folds + 1)
    if size < 1 or folds * size + splitter.gap >= data.rows:
        raise DataError(
            f"{folds} folds that validate on {max(size, 1)} rows each, after a gap of {splitter.gap}, leave nothing "
            f"to train on: the data has {data.rows} rows; ask for fewer folds, a smaller gap or fewer test_rows"
        )
    return _in_time_order(data, folds=folds, size=size, gap=splitter.gap, longest=splitter.max_train_rows)


def _in_time_order(data: _Data, *, folds: int, size: int, gap: int, longest: int | None) -> "Iterable[Pair]":
    """Each fold validates on about ``size`` rows and trains on what came before them.

    A cut never falls between rows of one time: it goes to the nearest place where the time changes.
    """
    import numpy as np

    order = np.arange(data.rows) if data.times is None else np.argsort(data.times, kind="stable")
    changes = np.arange(1, data.rows)
    if data.times is not None:
        sorted_times = data.times[order]
        changes = np.flatnonzero(sorted_times[1:] != sorted_times[:-1]) + 1
    changes = changes[changes > gap]
    if len(changes) < folds:
        raise DataError(
            f"{folds} folds in time order need {folds + 1} distinct times (the first {gap + 1} rows train only), and "
            f"the data has {len(changes) + 1} there; ask for fewer folds, or split by groups"
        )
    ends = _nearest_cuts(changes, [data.rows - (folds - fold) * size for fold in range(folds)])
    for begin, end in zip(ends, [*ends[1:], data.rows], strict=True):
        train = order[: begin - gap]
        yield (train if longest is None else train[-longest:]), order[begin:end]


def _nearest_cuts(allowed: "Codes", wanted: list[int]) -> list[int]:
    """For each wanted cut the nearest allowed one, strictly ascending, leaving enough for those that follow."""
    import numpy as np

    cuts: list[int] = []
    first = 0
    for position, place in enumerate(wanted):
        candidates = allowed[first : len(allowed) - (len(wanted) - 1 - position)]
        chosen = int(np.argmin(np.abs(candidates - place)))
        cuts.append(int(candidates[chosen]))
        first += chosen + 1
    return cuts


def _predefined(splitter: Splitter, data: _Data) -> "Iterable[Pair]":
    import numpy as np
    import pandas as pd

    del splitter
    assert data.fold_names is not None, "a predefined splitter has its column"
    codes, names = pd.factorize(np.asarray(data.fold_names), sort=True)
    if (codes < 0).any():
        raise DataError(f"row {int(np.argmax(codes < 0))} has no fold number; write -1 for rows that always train")
    validating = [code for code, name in enumerate(names) if str(name) not in {"-1", "-1.0"}]
    if not validating or len(names) < 2:
        raise DataError(f"the fold column holds only {names[0]!r}; it needs two folds, or one and -1 for training")
    _limit(len(validating), f"a fold column with {len(validating)} distinct values", "is it the right column?")
    return ((np.flatnonzero(codes != code), np.flatnonzero(codes == code)) for code in validating)


_MAKERS: "Final[Mapping[SplitterKind, Callable[[Splitter, _Data], Iterable[Pair]]]]" = {
    SplitterKind.KFOLD: _kfold,
    SplitterKind.STRATIFIED: _stratified,
    SplitterKind.GROUP: _group,
    SplitterKind.STRATIFIED_GROUP: _stratified_group,
    SplitterKind.TIME_SERIES: _time_series,
    SplitterKind.REPEATED_KFOLD: _repeated_kfold,
    SplitterKind.REPEATED_STRATIFIED: _repeated_stratified,
    SplitterKind.LEAVE_ONE_OUT: _leave_one_out,
    SplitterKind.LEAVE_P_GROUPS_OUT: _leave_p_groups_out,
    SplitterKind.SHUFFLE_SPLIT: _shuffle_split,
    SplitterKind.PREDEFINED: _predefined,
    SplitterKind.HOLDOUT: _holdout,
}


def _limit(folds: int, what: str, instead: str) -> None:
    if folds > MOST_FOLDS:
        raise DataError(f"{what} makes {folds} folds, and a trial may have {MOST_FOLDS}; {instead}")


def _limit_repeats(splitter: Splitter) -> None:
    folds = _folds_of(splitter)
    _limit(splitter.repeats * folds, f"repeating {folds} folds {splitter.repeats} times", "repeat less often")


def _validation_rows(splitter: Splitter, data: _Data) -> int:
    rows = ceil(_fraction_of(splitter) * data.rows)
    if rows >= data.rows:
        raise DataError(f"validating on {splitter.test_fraction} of {data.rows} rows leaves nothing to train on")
    return rows


def _group_count(data: _Data) -> int:
    if data.groups is None:
        raise DataError("splitting by groups needs a column of groups; name it with `data.groups`")
    return int(data.groups.max()) + 1


def _need_members(data: _Data, folds: int) -> None:
    import numpy as np

    counts = np.bincount(data.classes) if data.classes is not None else np.zeros(1)
    smallest = int(counts.argmin())
    if counts[smallest] < folds:
        raise DataError(
            f"the class {data.labels[smallest]!r} has {counts[smallest]} rows, and {folds} stratified folds need "
            f"{folds} of each class; ask for fewer folds, leave the class out, or use kfold"
        )


def _check(splits: Splits, splitter: Splitter, data: _Data) -> None:
    """Hold the folds against what the splitter promises."""
    in_time_order = splitter.kind is SplitterKind.TIME_SERIES or (
        splitter.kind is SplitterKind.HOLDOUT and not splitter.shuffle
    )
    for fold in range(len(splits)):
        train, validation = splits.train(fold), splits.validate(fold)
        if not len(train) or not len(validation):
            side = "validates" if len(train) else "trains"
            raise DataError(f"fold {fold} {side} on nothing; ask for fewer folds")
        _check_disjoint(fold, train, validation, data)
        if in_time_order and data.times is not None:
            assert data.times[train].max() < data.times[validation].min(), f"fold {fold} trains on its future"
        if data.classes is not None:
            _check_classes(fold, train, data)


def _check_disjoint(fold: int, train: "Codes", validation: "Codes", data: _Data) -> None:
    import numpy as np

    used = np.zeros(data.rows, dtype=bool)
    used[train] = True
    assert not used[validation].any(), f"fold {fold} has rows on both sides"
    if data.groups is None:
        return
    trained = np.zeros(int(data.groups.max()) + 1, dtype=bool)
    trained[data.groups[train]] = True
    if trained[data.groups[validation]].any():
        raise DataError(
            f"fold {fold} has rows of one group on both sides, which would make its score too good; use group, "
            "stratified-group or leave-p-groups-out folds, or leave `data.groups` out"
        )


def _check_classes(fold: int, train: "Codes", data: _Data) -> None:
    import numpy as np

    assert data.classes is not None, "only stratified folds have classes"
    counts = np.bincount(data.classes[train], minlength=len(data.labels))
    if (counts == 0).any():
        raise DataError(
            f"fold {fold} trains on no row of the class {data.labels[int(counts.argmin())]!r}, because all its "
            "groups validate there; ask for fewer folds, or use group folds"
        )
