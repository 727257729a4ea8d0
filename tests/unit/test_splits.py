"""Folds keep the promises of their splitter: nothing empty, no group split, no look into the future."""

from pathlib import Path
from typing import Any  # columns of any element type

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tenfold_common.domain.splitters import Splitter, SplitterKind
from tenfold_common.errors import DataError
from tenfold_common.modelling.splits import Splits, make_splits, splits_from_path, splits_to_bytes

KIND = SplitterKind


def split(splitter: Splitter, rows: int, *, seed: int = 0, **columns: Any) -> Splits:
    """Folds, with the columns that matter to the test."""
    names = {"y": None, "groups": None, "time": None, "predefined": None}
    return make_splits(splitter, rows=rows, seed=seed, **{**names, **columns})


def pairs(splits: Splits) -> list[tuple[list[int], list[int]]]:
    """Rows of both sides of every fold."""
    return [(splits.train(fold).tolist(), splits.validate(fold).tolist()) for fold in range(len(splits))]


EVERY_KIND = [
    Splitter(kind=KIND.KFOLD, n_splits=3, shuffle=True),
    Splitter(kind=KIND.KFOLD, n_splits=3),
    Splitter(kind=KIND.STRATIFIED, n_splits=3, shuffle=True),
    Splitter(kind=KIND.STRATIFIED, n_splits=3),
    Splitter(kind=KIND.GROUP, n_splits=3),
    Splitter(kind=KIND.STRATIFIED_GROUP, n_splits=3),
    Splitter(kind=KIND.TIME_SERIES, n_splits=3, gap=1),
    Splitter(kind=KIND.REPEATED_KFOLD, n_splits=3, repeats=2, shuffle=True),
    Splitter(kind=KIND.REPEATED_STRATIFIED, n_splits=3, repeats=2, shuffle=True),
    Splitter(kind=KIND.LEAVE_ONE_OUT),
    Splitter(kind=KIND.LEAVE_P_GROUPS_OUT, leave_out_groups=2),
    Splitter(kind=KIND.SHUFFLE_SPLIT, n_splits=4, test_fraction=0.25, shuffle=True),
    Splitter(kind=KIND.PREDEFINED, column="fold"),
    Splitter(kind=KIND.HOLDOUT, test_fraction=0.25, shuffle=True),
    Splitter(kind=KIND.HOLDOUT, test_fraction=0.25),
]
FOLDS = [3, 3, 3, 3, 3, 3, 3, 6, 6, 24, 15, 4, 3, 1, 1]


def columns_for(splitter: Splitter) -> dict[str, Any]:
    """24 rows with everything that any splitter may need."""
    columns: dict[str, Any] = {"y": np.tile(["a", "b"], 12)}
    if splitter.kind.keeps_groups:
        columns["groups"] = np.repeat(list("uvwxyz"), 4)
    if splitter.kind is KIND.PREDEFINED:
        columns["predefined"] = np.tile([0, 1, 2, -1], 6)
    return columns


class TestEveryKind:
    """What all splitters promise."""

    @pytest.mark.parametrize(
        ("splitter", "folds"), list(zip(EVERY_KIND, FOLDS, strict=True)), ids=lambda value: str(value)[:40]
    )
    def test_it_makes_its_folds_the_same_way_every_time(self, splitter: Splitter, folds: int) -> None:
        """A function of data and seed; no row on both sides, no side empty."""
        first = pairs(split(splitter, 24, **columns_for(splitter)))
        assert len(first) == folds
        assert first == pairs(split(splitter, 24, **columns_for(splitter)))
        for train, validation in first:
            assert train
            assert validation
            assert not set(train) & set(validation)

    def test_every_kind_is_tested(self) -> None:
        """A new kind must come with its test."""
        assert {splitter.kind for splitter in EVERY_KIND} == set(SplitterKind)

    @pytest.mark.parametrize("splitter", [one for one in EVERY_KIND if one.shuffle], ids=lambda one: one.kind)
    def test_another_seed_shuffles_otherwise(self, splitter: Splitter) -> None:
        """Shuffling depends on the seed."""
        columns = columns_for(splitter)
        assert pairs(split(splitter, 24, seed=1, **columns)) != pairs(split(splitter, 24, seed=2, **columns))

    @pytest.mark.parametrize("splitter", EVERY_KIND, ids=lambda one: one.kind)
    def test_the_artifact_gives_the_same_folds_back(self, splitter: Splitter, tmp_path: Path) -> None:
        """Bytes are the same for the same folds, and the rows stay on disk until used."""
        made = split(splitter, 24, **columns_for(splitter))
        data = splits_to_bytes(made)
        assert data == splits_to_bytes(split(splitter, 24, **columns_for(splitter)))
        (tmp_path / "splits").write_bytes(data)
        read = splits_from_path(tmp_path / "splits")
        assert pairs(read) == pairs(made)
        assert read.rows == 24
        assert splits_to_bytes(read) == data
        assert read.validate(0).dtype == np.int32

    def test_partitions_validate_on_every_row_once(self) -> None:
        """K-fold means that each row is validated exactly once."""
        for splitter in EVERY_KIND[:6]:
            rows = [
                row for _, validation in pairs(split(splitter, 24, **columns_for(splitter))) for row in validation
            ]
            assert sorted(rows) == list(range(24))

    def test_leave_one_out_stays_small(self) -> None:
        """N folds of n rows need n numbers, not n * n."""
        assert len(splits_to_bytes(split(Splitter(kind=KIND.LEAVE_ONE_OUT), 2_000))) < 40_000

    def test_a_file_that_holds_no_splits_is_refused(self, tmp_path: Path) -> None:
        """It is not read as numbers."""
        (tmp_path / "other").write_bytes(b"something else entirely, long enough")
        with pytest.raises(DataError, match="does not hold splits"):
            splits_from_path(tmp_path / "other")


class TestStratified:
    """Classes are balanced."""

    def test_classes_are_in_the_same_proportion(self) -> None:
        """Two to one overall is two to one in every fold."""
        y = np.array(["common"] * 20 + ["rare"] * 10)
        for _, validation in pairs(split(Splitter(kind=KIND.STRATIFIED, n_splits=5, shuffle=True), 30, y=y)):
            assert (y[validation] == "common").sum() == 4
            assert (y[validation] == "rare").sum() == 2

    @pytest.mark.parametrize("kind", [KIND.STRATIFIED, KIND.REPEATED_STRATIFIED, KIND.STRATIFIED_GROUP])
    def test_a_class_with_too_few_members_is_named(self, kind: SplitterKind) -> None:
        """Value, rule, next step."""
        y = np.array(["a"] * 10 + ["b"] * 2)
        with pytest.raises(
            DataError, match=r"class 'b' has 2 rows, and 3 stratified folds need 3 .*ask for fewer folds"
        ):
            split(Splitter(kind=kind, n_splits=3), 12, y=y, groups=np.arange(12))

    def test_numbers_are_no_classes(self) -> None:
        """A continuous target cannot be stratified."""
        with pytest.raises(DataError, match=r"numbers such as 0\.5; use kfold"):
            split(Splitter(kind=KIND.STRATIFIED, n_splits=2), 4, y=np.array([1.0, 0.5, 2.0, 3.0]))

    def test_a_row_without_target_is_named(self) -> None:
        """Missing text in the target."""
        with pytest.raises(DataError, match="row 1 has no target"):
            split(Splitter(kind=KIND.STRATIFIED, n_splits=2), 4, y=np.array(["a", None, "b", "b"], dtype=object))

    def test_a_fold_that_cannot_train_on_a_class_is_refused(self) -> None:
        """All members of a class in one group: that group's fold would never have seen the class."""
        y = np.array(["a"] * 9 + ["b"] * 3)
        groups = np.repeat([0, 1, 2, 3], 3)
        with pytest.raises(DataError, match="trains on no row of the class 'b'"):
            split(Splitter(kind=KIND.STRATIFIED_GROUP, n_splits=3), 12, y=y, groups=groups)


class TestGroups:
    """Groups are never split."""

    @pytest.mark.parametrize("kind", [KIND.GROUP, KIND.STRATIFIED_GROUP])
    def test_fewer_groups_than_folds_are_refused(self, kind: SplitterKind) -> None:
        """Value, rule, next step."""
        with pytest.raises(
            DataError, match="5 folds need at least 5 groups, and the data has 2; ask for fewer folds"
        ):
            split(Splitter(kind=kind, n_splits=5), 10, y=np.tile([0, 1], 5), groups=np.repeat([1, 2], 5))

    def test_leaving_out_as_many_groups_as_there_are_is_refused(self) -> None:
        """Something must be left to train on."""
        with pytest.raises(DataError, match="leaving 2 groups out needs more than 2 groups"):
            split(Splitter(kind=KIND.LEAVE_P_GROUPS_OUT, leave_out_groups=2), 4, groups=np.array([1, 1, 2, 2]))

    def test_a_number_of_folds_that_never_ends_is_refused(self) -> None:
        """60 choose 5 is five million."""
        with pytest.raises(DataError, match="makes 5461512 folds"):
            split(Splitter(kind=KIND.LEAVE_P_GROUPS_OUT, leave_out_groups=5), 60, groups=np.arange(60))

    def test_a_row_without_group_is_named(self) -> None:
        """It could be on either side."""
        with pytest.raises(DataError, match="row 2 has no group"):
            split(Splitter(kind=KIND.GROUP, n_splits=2), 4, groups=np.array(["a", "b", None, "c"], dtype=object))

    def test_a_splitter_that_would_split_groups_is_refused(self) -> None:
        """Groups are protected whatever the splitter: also against fold numbers in the data."""
        with pytest.raises(DataError, match="rows of one group on both sides"):
            split(
                Splitter(kind=KIND.PREDEFINED, column="fold"),
                4,
                groups=np.array([1, 1, 2, 2]),
                predefined=np.array([0, 1, 0, 1]),
            )

    def test_splitting_by_groups_needs_groups(self) -> None:
        """The key to write is named."""
        with pytest.raises(DataError, match=r"data\.groups"):
            split(Splitter(kind=KIND.GROUP, n_splits=2), 4)

    @given(data=st.data(), folds=st.integers(2, 5), kind=st.sampled_from([KIND.GROUP, KIND.STRATIFIED_GROUP]))
    @settings(deadline=None, max_examples=60)
    def test_no_group_is_ever_on_both_sides(self, data: st.DataObject, folds: int, kind: SplitterKind) -> None:
        """For any groups and classes there are."""
        rows = data.draw(st.integers(folds, 60))
        groups = np.array(data.draw(st.lists(st.integers(0, 12), min_size=rows, max_size=rows)))
        y = np.array(data.draw(st.lists(st.integers(0, 1), min_size=rows, max_size=rows)))
        try:
            made = pairs(split(Splitter(kind=kind, n_splits=folds), rows, y=y, groups=groups))
        except DataError:
            assume(False)  # Hypothesis takes it so
        for train, validation in made:
            assert not set(groups[train]) & set(groups[validation])


class TestTime:
    """The future is never trained on."""

    @given(data=st.data(), folds=st.integers(1, 6), gap=st.integers(0, 4), longest=st.none() | st.integers(1, 10))
    @settings(deadline=None, max_examples=150)
    def test_nothing_is_validated_on_what_training_has_seen(
        self, data: st.DataObject, folds: int, gap: int, longest: int | None
    ) -> None:
        """Every validation time is later than every training time, ties and gaps included, whatever the row order."""
        times = np.array(data.draw(st.lists(st.integers(0, 25), min_size=2, max_size=60)))
        splitter = Splitter(kind=KIND.TIME_SERIES, n_splits=folds, gap=gap, max_train_rows=longest)
        try:
            made = pairs(split(splitter, len(times), time=times))
        except DataError:
            assume(False)  # Hypothesis takes it so
        assert len(made) == folds
        validated: list[int] = []
        for train, validation in made:
            assert times[train].max() < times[validation].min()
            assert list(times[train]) == sorted(times[train])
            before = (times < times[validation].min()).sum()
            assert len(train) == min(before - gap, longest or before)
            validated += validation
        assert len(set(validated)) == len(validated)
        assert times[validated].max() == times.max()

    def test_without_ties_the_cuts_are_even(self) -> None:
        """Each fold validates on the next sixth, as scikit-learn's TimeSeriesSplit does."""
        from sklearn.model_selection import TimeSeriesSplit

        made = pairs(split(Splitter(kind=KIND.TIME_SERIES, n_splits=5), 32))
        theirs = [(train.tolist(), test.tolist()) for train, test in TimeSeriesSplit(5).split(np.empty(32))]
        assert made == theirs

    def test_equal_times_stay_together(self) -> None:
        """The cut moves to the nearest change of time."""
        times = np.array([0, 0, 1, 1, 1, 2, 2, 2])
        ((train, validation),) = pairs(split(Splitter(kind=KIND.HOLDOUT, test_fraction=0.5), 8, time=times))
        assert (train, validation) == ([0, 1, 2, 3, 4], [5, 6, 7])

    def test_dates_in_text_and_datetimes_are_times(self) -> None:
        """ISO 8601, in any row order."""
        text = np.array(["2024-03-01", "2024-01-01", "2024-02-01", "2024-04-01"], dtype=object)
        splitter = Splitter(kind=KIND.TIME_SERIES, n_splits=2)
        expected = [([1, 2], [0]), ([1, 2, 0], [3])]
        assert pairs(split(splitter, 4, time=text)) == expected
        assert pairs(split(splitter, 4, time=text.astype("datetime64[ns]"))) == expected

    def test_text_that_is_no_time_is_refused(self) -> None:
        """01/02/2024 means different days in different countries."""
        with pytest.raises(DataError, match="'01/02/2024' is not a time"):
            split(Splitter(kind=KIND.TIME_SERIES, n_splits=2), 3, time=np.array(["01/02/2024"] * 3, dtype=object))

    def test_a_row_without_time_is_named(self) -> None:
        """It could be anywhere."""
        with pytest.raises(DataError, match="row 1 has no time"):
            split(Splitter(kind=KIND.TIME_SERIES, n_splits=2), 4, time=np.array([1.0, np.nan, 2.0, 3.0]))

    def test_too_few_times_are_refused(self) -> None:
        """Three folds need four distinct times."""
        with pytest.raises(DataError, match=r"3 folds in time order need 4 distinct times .* has 3 there"):
            split(Splitter(kind=KIND.TIME_SERIES, n_splits=3), 30, time=np.repeat([1, 2, 3], 10))

    def test_a_gap_that_leaves_nothing_is_refused(self) -> None:
        """Value, rule, next step."""
        with pytest.raises(DataError, match="a smaller gap"):
            split(Splitter(kind=KIND.TIME_SERIES, n_splits=3, gap=9), 10)

    def test_holdout_in_time_order_validates_on_the_end(self) -> None:
        """Unshuffled."""
        assert pairs(split(Splitter(kind=KIND.HOLDOUT, test_fraction=0.25), 8)) == [([0, 1, 2, 3, 4, 5], [6, 7])]


class TestPredefined:
    """The data says which row is in which fold."""

    def test_each_value_is_a_fold_and_minus_one_always_trains(self) -> None:
        """In the order of the values."""
        made = pairs(split(Splitter(kind=KIND.PREDEFINED), 5, predefined=np.array([1, -1, 0, 1, 0])))
        assert made == [([0, 1, 3], [2, 4]), ([1, 2, 4], [0, 3])]

    def test_names_of_folds_may_be_text(self) -> None:
        """Sorted."""
        made = pairs(split(Splitter(kind=KIND.PREDEFINED), 3, predefined=np.array(["b", "a", "a"], dtype=object)))
        assert made == [([0], [1, 2]), ([1, 2], [0])]

    @pytest.mark.parametrize("column", [np.array([0, 0, 0]), np.array([-1, -1, -1])])
    def test_a_column_with_one_value_makes_no_folds(self, column: Any) -> None:
        """There would be nothing to train or to validate on."""
        with pytest.raises(DataError, match="holds only"):
            split(Splitter(kind=KIND.PREDEFINED), 3, predefined=column)

    def test_a_row_without_fold_is_named(self) -> None:
        """-1 says "always trains"; nothing says nothing."""
        with pytest.raises(DataError, match="row 1 has no fold"):
            split(Splitter(kind=KIND.PREDEFINED), 3, predefined=np.array([0.0, np.nan, 1.0]))


class TestSizes:
    """Too little data is refused in words."""

    @pytest.mark.parametrize(
        "splitter",
        [
            Splitter(kind=KIND.KFOLD, n_splits=5, shuffle=True),
            Splitter(kind=KIND.REPEATED_KFOLD, n_splits=5, repeats=2),
        ],
    )
    def test_fewer_rows_than_folds_are_refused(self, splitter: Splitter) -> None:
        """Value, rule, next step."""
        with pytest.raises(DataError, match="5 folds need at least 5 rows, and the data has 4; ask for fewer folds"):
            split(splitter, 4)

    def test_a_single_row_cannot_be_split(self) -> None:
        """There is no other side."""
        with pytest.raises(DataError, match="folds need at least 2"):
            split(Splitter(kind=KIND.LEAVE_ONE_OUT), 1)

    @pytest.mark.parametrize(
        "splitter",
        [
            Splitter(kind=KIND.LEAVE_ONE_OUT),
            Splitter(kind=KIND.REPEATED_KFOLD, n_splits=101, repeats=100),
        ],
    )
    def test_more_folds_than_anybody_waits_for_are_refused(self, splitter: Splitter) -> None:
        """The way out is named."""
        with pytest.raises(DataError, match="a trial may have 10000"):
            split(splitter, 10_001)

    def test_a_share_that_leaves_nothing_to_train_on_is_refused(self) -> None:
        """0.9 of two rows is two rows."""
        with pytest.raises(DataError, match="nothing to train on"):
            split(Splitter(kind=KIND.HOLDOUT, test_fraction=0.9, shuffle=True), 2)
