"""Whether two studies gave the same numbers, and where they first differ. Pure, over canonical documents."""

from collections.abc import Iterator
from dataclasses import dataclass

from tenfold.report.shapes import Shape
from tenfold_common.domain.canonical import canonical_json
from tenfold_common.domain.words import Json

_ABOUT_ALL = ("version", "seed", "data_hash", "splits_hash", "metrics", "direction")
_ABOUT_END = ("stopping", "winner")


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One place where two studies differ.

    Attributes:
        trial: The trial it is in; None where it concerns the study.
        field: Dotted path: ``seed``, ``params.svc.C``, ``folds.2.accuracy``, ``stopping.reason``.
        a: The value in the first study; None also where it has none.
        b: The value in the second.
    """

    trial: int | None
    field: str
    a: Json
    b: Json


def compare_canonical(a: Shape, b: Shape) -> Difference | None:
    """The first difference of two canonical documents; None if they are identical.

    First what holds for all trials (seed, data, splits, metrics), then trial by trial, then how it ended.
    """
    return next(_differences(a, b), None)


def difference_text(difference: Difference, a: str, b: str) -> str:
    """A difference in words.

    Args:
        difference: What differs.
        a: What the first study is called.
        b: What the second is called.
    """
    where = "the study" if difference.trial is None else f"trial {difference.trial}"
    return (
        f"different: the first difference is in {where}, {difference.field}\n"
        f"  {_value(difference.a)}  in {a}\n"
        f"  {_value(difference.b)}  in {b}"
    )


def _differences(a: Shape, b: Shape) -> Iterator[Difference]:
    for key in _ABOUT_ALL:
        yield from _within(None, key, a.get(key), b.get(key))
    rows_a, rows_b = _rows(a), _rows(b)
    for index in range(max(len(rows_a), len(rows_b))):
        row_a = rows_a[index] if index < len(rows_a) else None
        row_b = rows_b[index] if index < len(rows_b) else None
        number = (row_a or row_b or {}).get("number")
        yield from _rows_differ(number if isinstance(number, int) else index, row_a, row_b)
    for key in _ABOUT_END:
        yield from _within(None, key, a.get(key), b.get(key))


def _rows_differ(number: int, a: Shape | None, b: Shape | None) -> Iterator[Difference]:
    if a is None or b is None:
        present = a or b or {}
        state = present.get("state")
        yield Difference(trial=number, field="state", a=None if a is None else state, b=None if b is None else state)
        return
    yield from _within(number, "", a, b)


def _within(trial: int | None, path: str, a: Json, b: Json) -> Iterator[Difference]:
    if isinstance(a, dict) and isinstance(b, dict):
        for key in dict.fromkeys([*a, *b]):
            yield from _within(trial, f"{path}.{key}".lstrip("."), a.get(key), b.get(key))
    elif isinstance(a, list) and isinstance(b, list):
        for index in range(max(len(a), len(b))):
            one = a[index] if index < len(a) else None
            other = b[index] if index < len(b) else None
            yield from _within(trial, f"{path}.{index}", one, other)
    elif canonical_json(a) != canonical_json(b):
        yield Difference(trial=trial, field=path, a=a, b=b)


def _rows(document: Shape) -> list[Shape]:
    rows = document.get("trials")
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _value(value: Json) -> str:
    return "nothing" if value is None else canonical_json(value)
