"""Text tables: aligned columns, never truncated. Pure; the caller says how wide and how colourful the reader is."""

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import wrap

from tenfold.report.paint import PLAIN, Paint, Style

_GAP = "  "
_NARROWEST = 24  # a wrapped last column below this reads worse than a long line


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    Attributes:
        title: What stands above it.
        right: Whether it is aligned to the right, as numbers are.
        style: How its cells are painted.
    """

    title: str
    right: bool = False
    style: Style | None = None


def text_table(
    columns: Sequence[Column],
    rows: Sequence[Sequence[str]],
    *,
    width: int | None = None,
    paint: Paint = PLAIN,
) -> str:
    """A table with its header, one line per row.

    Args:
        columns: The columns, left to right.
        rows: The cells of each row.
        width: Columns of the reader's terminal: the last column is wrapped to it. None for a pipe: nothing is.
        paint: How to paint the header.
    """
    widths = [max([len(column.title), *(len(row[index]) for row in rows)]) for index, column in enumerate(columns)]
    header = _line(columns, [column.title for column in columns], widths)
    body = [line for row in rows for line in _row(columns, row, widths, width)]
    return "\n".join([paint.strong(header), *body])


def fact_lines(facts: Sequence[tuple[str, str]], *, indent: int = 0, width: int | None = None) -> str:
    """Names and values in two columns, values of several lines kept under each other."""
    widest = max((len(name) for name, _ in facts), default=0)
    room = None if width is None else width - indent - widest - len(_GAP)
    return "\n".join(
        f"{' ' * indent}{name if first else '':<{widest}}{_GAP}{text}".rstrip()
        for name, value in facts
        for first, text in _lines_of(value, room)
    )


def _row(columns: Sequence[Column], row: Sequence[str], widths: Sequence[int], width: int | None) -> list[str]:
    start = sum(widths[:-1]) + len(_GAP) * (len(columns) - 1)
    if width is None or columns[-1].right or len(row[-1]) + start <= width or width - start < _NARROWEST:
        return [_line(columns, row, widths, painted=True)]
    first, *others = wrap(row[-1], width - start, break_long_words=False, break_on_hyphens=False)
    return [_line(columns, [*row[:-1], first], widths, painted=True), *(" " * start + text for text in others)]


def _line(columns: Sequence[Column], cells: Sequence[str], widths: Sequence[int], *, painted: bool = False) -> str:
    padded = [
        cell.rjust(width) if column.right else cell.ljust(width)
        for column, cell, width in zip(columns, cells, widths, strict=True)
    ]
    padded[-1] = padded[-1].rstrip()
    if painted:
        padded = [
            cell if column.style is None else column.style(cell) for column, cell in zip(columns, padded, strict=True)
        ]
    return _GAP.join(padded).rstrip()


def _lines_of(value: str, room: int | None) -> list[tuple[bool, str]]:
    lines = value.splitlines() or [""]
    if room is not None and room >= _NARROWEST:
        lines = [
            part
            for line in lines
            for part in wrap(line, room, break_long_words=False, break_on_hyphens=False) or [""]
        ]
    return [(index == 0, line) for index, line in enumerate(lines)]
