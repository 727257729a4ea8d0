"""How a study's rows are split into folds: the kinds of splitter, their options and their notation.

Knows nothing of rows: the splits themselves are made where the data is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import BeforeValidator, Discriminator, Field, GetJsonSchemaHandler, Tag
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from tenfold_common.domain.plain_values import Number, Section, Text, Whole, YesNo, did_you_mean, listed, show, unfit


class SplitterKind(StrEnum):
    """Every way to make folds."""

    KFOLD = "kfold"
    STRATIFIED = "stratified"
    GROUP = "group"
    STRATIFIED_GROUP = "stratified-group"
    TIME_SERIES = "time-series"
    REPEATED_KFOLD = "repeated-kfold"
    REPEATED_STRATIFIED = "repeated-stratified"
    LEAVE_ONE_OUT = "leave-one-out"
    LEAVE_P_GROUPS_OUT = "leave-p-groups-out"
    SHUFFLE_SPLIT = "shuffle-split"
    PREDEFINED = "predefined"
    HOLDOUT = "holdout"

    @property
    def keeps_groups(self) -> bool:
        """Whether it needs ``data.groups`` and never puts one group on both sides."""
        return self in {SplitterKind.GROUP, SplitterKind.STRATIFIED_GROUP, SplitterKind.LEAVE_P_GROUPS_OUT}

    @property
    def stratified(self) -> bool:
        """Whether it balances classes, which only a classification has."""
        return self in {SplitterKind.STRATIFIED, SplitterKind.STRATIFIED_GROUP, SplitterKind.REPEATED_STRATIFIED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Splitter:
    """A splitter with everything said; None where it does not apply to the kind.

    Attributes:
        kind: Which way.
        n_splits: Folds (of one repetition).
        repeats: Repetitions, 1 unless the kind repeats.
        shuffle: Whether rows are shuffled (with the study's split seed) before they are cut.
        gap: Rows left out between training and validation rows (time series).
        max_train_rows: Longest training part (time series).
        test_rows: Rows of each validation part (time series).
        test_fraction: Share of rows that validate (holdout, shuffle-split).
        leave_out_groups: Groups in each validation part (leave-p-groups-out).
        column: Column that holds each row's fold number (predefined).
    """

    kind: SplitterKind
    n_splits: int | None = None
    repeats: int = 1
    shuffle: bool = False
    gap: int = 0
    max_train_rows: int | None = None
    test_rows: int | None = None
    test_fraction: float | None = None
    leave_out_groups: int | None = None
    column: str | None = None


Folds = Annotated[Whole, Field(ge=2, le=10_000, default=5, description="Number of folds.")]
_SHUFFLE: Final = "Whether rows are shuffled first, with a seed derived from the study's."
_ABOUT: Final = frozenset({"default", "description", "examples", "title"})  # words of JSON Schema that tell, not test
_FRACTION: Final = "Share of the rows that validate, above 0 and below 1."


class FoldsNotation(Section):
    """One kind of splitter with its options: ``{stratified: 5, shuffle: false}``."""

    kind: ClassVar[SplitterKind]
    main: ClassVar[str] = "folds"

    def splitter(self, *, ordered: bool) -> Splitter:
        """The splitter; ``ordered`` says whether the rows are in time order."""
        del ordered
        fields = {"folds": "n_splits", "test_size": "test_fraction", "groups": "leave_out_groups"}
        said = {fields.get(name, name): getattr(self, name) for name in type(self).model_fields if name != "present"}
        return Splitter(kind=self.kind, **said)

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Three spellings: options beside the kind, options inside the kind, and the bare word."""
        flat = handler.resolve_ref_schema(handler(core))
        flat["required"] = [cls.kind.value]
        properties = dict(flat["properties"])
        main = properties.pop(cls.kind.value)
        inner = properties if cls.main == "present" else {cls.main: main, **properties}
        nested: dict[str, Any] = {"type": "object", "properties": inner, "additionalProperties": False}  # Any: JSON
        if not cls.has_default():
            nested["required"] = [cls.main]
        flat["properties"] = {cls.kind.value: {**main, "anyOf": [_typed(main), nested]}, **properties}
        for word in main.keys() - _ABOUT:
            del flat["properties"][cls.kind.value][word]
        return flat

    @classmethod
    def has_default(cls) -> bool:
        """Whether the kind can be named without a value."""
        return not cls.model_fields[cls.main].is_required()


def _typed(schema: Mapping[str, Any]) -> dict[str, Any]:  # Any: JSON Schema
    return {key: value for key, value in schema.items() if key not in _ABOUT}


class KFold(FoldsNotation):
    """Equal parts of the shuffled rows."""

    kind = SplitterKind.KFOLD
    folds: Folds = Field(alias="kfold")
    shuffle: YesNo = Field(default=True, description=_SHUFFLE)


class Stratified(FoldsNotation):
    """Equal parts with every class in the same proportion; the choice for classification."""

    kind = SplitterKind.STRATIFIED
    folds: Folds = Field(alias="stratified")
    shuffle: YesNo = Field(default=True, description=_SHUFFLE)


class Group(FoldsNotation):
    """Whole groups (``data.groups``) on one side only, in parts of about equal size."""

    kind = SplitterKind.GROUP
    folds: Folds = Field(alias="group")


class StratifiedGroup(FoldsNotation):
    """Whole groups on one side only, and classes as even as that allows."""

    kind = SplitterKind.STRATIFIED_GROUP
    folds: Folds = Field(alias="stratified-group")


class TimeSeries(FoldsNotation):
    """Every fold trains on the past and validates on what comes next; never shuffled."""

    kind = SplitterKind.TIME_SERIES
    folds: Folds = Field(alias="time-series")
    gap: Whole = Field(default=0, ge=0, description="Rows left out between the past and what comes next.")
    max_train_rows: Whole | None = Field(default=None, ge=1, description="Train on at most this many latest rows.")
    test_rows: Whole | None = Field(default=None, ge=1, description="Rows that each fold validates on.")


class RepeatedKFold(FoldsNotation):
    """K-fold, several times with other shuffles."""

    kind = SplitterKind.REPEATED_KFOLD
    folds: Folds = Field(alias="repeated-kfold")
    repeats: Whole = Field(default=3, ge=1, le=1_000, description="Repetitions.")
    # Repetition is repetition of the shuffle, so there is no option to switch it off.

    def splitter(self, *, ordered: bool) -> Splitter:
        """See :class:`FoldsNotation`."""
        del ordered
        return Splitter(kind=self.kind, n_splits=self.folds, repeats=self.repeats, shuffle=True)


class RepeatedStratified(FoldsNotation):
    """Stratified folds, several times with other shuffles."""

    kind = SplitterKind.REPEATED_STRATIFIED
    folds: Folds = Field(alias="repeated-stratified")
    repeats: Whole = Field(default=3, ge=1, le=1_000, description="Repetitions.")

    def splitter(self, *, ordered: bool) -> Splitter:
        """See :class:`FoldsNotation`."""
        del ordered
        return Splitter(kind=self.kind, n_splits=self.folds, repeats=self.repeats, shuffle=True)


class LeaveOneOut(FoldsNotation):
    """As many folds as rows, one row validating each; write ``folds: leave-one-out``."""

    kind = SplitterKind.LEAVE_ONE_OUT
    main = "present"
    present: Literal[True] = Field(default=True, alias="leave-one-out", description="No value is needed.")


class LeavePGroupsOut(FoldsNotation):
    """One fold for every set of that many groups."""

    kind = SplitterKind.LEAVE_P_GROUPS_OUT
    main = "groups"
    groups: Whole = Field(
        alias="leave-p-groups-out", ge=1, examples=[1], description="Groups that validate in each fold."
    )


class ShuffleSplit(FoldsNotation):
    """Independent random splits; a row may validate in several folds or in none."""

    kind = SplitterKind.SHUFFLE_SPLIT
    folds: Whole = Field(default=5, ge=1, le=10_000, alias="shuffle-split", description="Number of folds.")
    test_size: Number = Field(default=0.2, gt=0, lt=1, description=_FRACTION)

    def splitter(self, *, ordered: bool) -> Splitter:
        """See :class:`FoldsNotation`."""
        del ordered
        return Splitter(kind=self.kind, n_splits=self.folds, test_fraction=self.test_size, shuffle=True)


class Predefined(FoldsNotation):
    """The data says: a column with each row's fold number, -1 for rows that always train."""

    kind = SplitterKind.PREDEFINED
    main = "column"
    column: Text = Field(
        alias="predefined", examples=["fold"], description="Name of the column; the model does not see it."
    )


class Holdout(FoldsNotation):
    """One split: quick, and the noisiest of all. Data in time order validates on its end."""

    kind = SplitterKind.HOLDOUT
    main = "test_size"
    test_size: Number = Field(alias="holdout", gt=0, lt=1, examples=[0.25], description=_FRACTION)
    shuffle: YesNo | None = Field(default=None, description=f"{_SHUFFLE} Not by default if time is known.")

    def splitter(self, *, ordered: bool) -> Splitter:
        """See :class:`FoldsNotation`."""
        shuffle = not ordered if self.shuffle is None else self.shuffle
        return Splitter(kind=self.kind, n_splits=1, test_fraction=self.test_size, shuffle=shuffle)


NOTATIONS: Final[Mapping[str, type[FoldsNotation]]] = {
    notation.kind.value: notation
    for notation in (
        KFold,
        Stratified,
        Group,
        StratifiedGroup,
        TimeSeries,
        RepeatedKFold,
        RepeatedStratified,
        LeaveOneOut,
        LeavePGroupsOut,
        ShuffleSplit,
        Predefined,
        Holdout,
    )
}


def _flat(value: object) -> object:
    """Bring every spelling to ``{kind: value, option: value}``; say what is wrong if there is no one kind."""
    if isinstance(value, FoldsNotation):
        return value
    if isinstance(value, str):
        return _bare(value)
    if not isinstance(value, dict):
        hint = f"; write {{stratified: {value}}} or {{kfold: {value}}}" if isinstance(value, int) else ""
        raise unfit(f"{show(value)} does not say which kind of folds{hint}")
    kinds = [key for key in value if key in NOTATIONS]
    if not kinds:
        first = next((str(key) for key in value), "")
        raise unfit(f"{first!r} is no kind of folds; {did_you_mean(first, NOTATIONS)}")
    if len(kinds) > 1:
        raise unfit(f"two kinds of folds, {kinds[0]!r} and {kinds[1]!r}; keep one")
    return _unnested(kinds[0], value)


def _bare(word: str) -> object:
    if word not in NOTATIONS:
        raise unfit(f"{word!r} is no kind of folds; {did_you_mean(word, NOTATIONS)}")
    notation = NOTATIONS[word]
    if not notation.has_default():
        raise unfit(_lacks_main(word, notation))
    return {word: notation.model_fields[notation.main].default}


def _unnested(kind: str, value: Mapping[str, object]) -> object:
    inner, notation = value[kind], NOTATIONS[kind]
    if not isinstance(inner, dict):
        return value
    beside = [key for key in value if key != kind]
    if beside:
        raise unfit(f"options both inside {kind!r} and beside it ({listed(beside)}); put them in one place")
    if notation.main not in inner and not notation.has_default():
        raise unfit(_lacks_main(kind, notation))
    main = inner.get(notation.main, notation.model_fields[notation.main].default)
    return {kind: main, **{key: item for key, item in inner.items() if key != notation.main}}


def _lacks_main(kind: str, notation: type[FoldsNotation]) -> str:
    example = (notation.model_fields[notation.main].examples or ["..."])[0]
    return f"{kind!r} needs its {notation.main}: write for example {{{kind}: {example}}}"


def _kind_of(value: object) -> str | None:
    if isinstance(value, FoldsNotation):
        return f"<{value.kind}>"
    return next((f"<{key}>" for key in value if key in NOTATIONS), None) if isinstance(value, dict) else None


class _BareWords:
    """Adds the bare words to the published schema."""

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        words = [kind for kind, notation in NOTATIONS.items() if notation.has_default()]
        return {"anyOf": [{"enum": words}, handler(core)]}


AnyFolds = Annotated[
    Annotated[KFold, Tag("<kfold>")]
    | Annotated[Stratified, Tag("<stratified>")]
    | Annotated[Group, Tag("<group>")]
    | Annotated[StratifiedGroup, Tag("<stratified-group>")]
    | Annotated[TimeSeries, Tag("<time-series>")]
    | Annotated[RepeatedKFold, Tag("<repeated-kfold>")]
    | Annotated[RepeatedStratified, Tag("<repeated-stratified>")]
    | Annotated[LeaveOneOut, Tag("<leave-one-out>")]
    | Annotated[LeavePGroupsOut, Tag("<leave-p-groups-out>")]
    | Annotated[ShuffleSplit, Tag("<shuffle-split>")]
    | Annotated[Predefined, Tag("<predefined>")]
    | Annotated[Holdout, Tag("<holdout>")],
    Discriminator(_kind_of),
    BeforeValidator(_flat),
    _BareWords(),
]
"""The value of ``evaluation.folds``."""
