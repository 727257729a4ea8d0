"""Study file text (YAML 1.2, and JSON as a part of it) to plain data, remembering the line of every key.

Scalars follow the YAML 1.2 core schema and nothing else: ``1e-3`` is a number, ``on`` and ``yes`` are text. Never
builds anything but JSON data: no tags, no dates, no NaN, no merge keys; size and depth are bounded before use.
"""

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tenfold_common.domain.words import Json
from tenfold_common.errors import Problem, StudyFileError

if TYPE_CHECKING:
    from ruamel.yaml.events import AliasEvent, Event, NodeEvent, ScalarEvent

Path = tuple[str | int, ...]
"""Keys and list positions from the top of the document to a value."""

_LONGEST_TEXT: Final = 1_000_000
_MOST_VALUES: Final = 100_000
_DEEPEST: Final = 50

_NULL = re.compile(r"(?:null|Null|NULL|~|)\Z")
_BOOL = re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z")
_INT = re.compile(r"(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)\Z")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")
_NOT_FINITE = re.compile(r"(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\Z")
_MOST_DIGITS: Final = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Notation:
    """A text, read.

    Attributes:
        data: The plain data.
        positions: Line (1-based) of every key and list item, by its spelling (see :func:`spelled`).
        problems: What is wrong with the text although it could be read, such as a key written twice.
    """

    data: Json
    positions: Mapping[str, int]
    problems: tuple[Problem, ...] = ()


def spelled(path: Sequence[str | int]) -> str:
    """A path as people read it: ``search.start[0].svc.C``."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part}" if text else part
    return text


def as_written(path: Path, positions: Mapping[str, int]) -> str:
    """The spelling of a path, through the one key in between that the file may have written and validation left out.

    Options of a splitter may stand beside its kind or inside it: ``folds.gap`` is then ``folds.time-series.gap``.
    """
    key = spelled(path)
    if key in positions or not path:
        return key
    above, last = spelled(path[:-1]), str(path[-1])
    inside = [known for known in positions if known.startswith(f"{above}.") and known.endswith(f".{last}")]
    return inside[0] if len(inside) == 1 else key


def line_of(key: str, positions: Mapping[str, int]) -> int | None:
    """The line of ``key``, or of the nearest key above it that the file has. ``a.0`` is taken as ``a[0]``."""
    key = re.sub(r"\.([0-9]+)(?=[.\[]|\Z)", r"[\1]", key)
    while key:
        if key in positions:
            return positions[key]
        key = key[: max(key.rfind("."), key.rfind("["), 0)]
    return None


def parse_text(text: str, *, source: str) -> Notation:
    """Read YAML or JSON.

    Args:
        text: The whole file.
        source: Name of the file, for messages.

    Raises:
        StudyFileError: With the one problem that makes the text unreadable.
    """
    if len(text) > _LONGEST_TEXT:
        raise _unreadable(source, f"has {len(text)} characters; a study file may have {_LONGEST_TEXT}", None)
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        return _Composer(YAML(typ="safe", pure=True).parse(_json_as_yaml(text)), source).document()
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        said = ", ".join(str(part) for part in (error.context, error.problem) if part)
        raise _unreadable(source, _explained(said), None if mark is None else mark.line + 1) from error
    except YAMLError as error:
        line = text.count("\n", 0, getattr(error, "position", 0)) + 1
        raise _unreadable(source, f"not readable as YAML: {error.__class__.__name__}: it holds a character that "
                          f"text files do not have; save it as UTF-8 text", line) from error  # fmt: skip


def _unreadable(source: str, message: str, line: int | None) -> StudyFileError:
    return StudyFileError(source, [Problem(key="", message=message, line=line)])


def _explained(said: str) -> str:
    if "'\\t'" in said:
        return "not readable as YAML: a tab where only spaces may stand; indent with spaces"
    if "mapping values are not allowed" in said:
        return f"not readable as YAML: {said}; check the indentation, and put text that holds ': ' in quotes"
    return f"not readable as YAML: {said}"


def _json_as_yaml(text: str) -> str:
    """Valid JSON with what YAML takes otherwise rewritten: tabs between values, and rare characters in strings.

    In valid JSON a raw tab is never inside a string, and a character beyond ASCII is never outside of one.
    """
    text = text.removeprefix("\ufeff")
    if text.lstrip()[:1] not in {"{", "["}:
        return text
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return text
    escaped = re.sub(r"[^\x00-\x7e]", lambda found: json.dumps(found.group())[1:-1], text.replace("\t", " "))
    return escaped.replace("\x7f", "\\u007f")


class _Composer:
    """Builds data from the parser's events, noting lines. An alias shares the value it names."""

    def __init__(self, events: "Iterator[Event]", source: str) -> None:
        self._events = events
        self._source = source
        self._positions: dict[str, int] = {}
        self._problems: list[Problem] = []
        self._anchors: dict[str, tuple[Json, int]] = {}
        self._count = 0

    def document(self) -> Notation:
        """The whole text, which must be one document."""
        from ruamel.yaml.events import DocumentStartEvent, NodeEvent, StreamEndEvent

        data: Json = None
        documents = 0
        for event in self._events:
            if isinstance(event, DocumentStartEvent):
                documents += 1
            elif isinstance(event, NodeEvent):
                data = self._value(event, ())
            if documents > 1:
                raise self._fatal(event, "a second document begins here ('---'); a study file holds one study")
            if isinstance(event, StreamEndEvent):
                break
        return Notation(data=data, positions=self._positions, problems=tuple(self._problems))

    def _value(self, event: "Event", path: Path) -> Json:
        from ruamel.yaml.events import AliasEvent, MappingStartEvent, NodeEvent, SequenceStartEvent

        if len(path) > _DEEPEST:
            raise self._fatal(event, f"nested more than {_DEEPEST} levels deep")
        assert isinstance(event, NodeEvent), f"a value cannot begin with {event}"
        if isinstance(event, AliasEvent):
            return self._alias(event)
        self._refuse_tag(event, path)
        before = self._count
        self._grow(1, event)
        value: Json
        if isinstance(event, MappingStartEvent):
            value = self._mapping(path)
        elif isinstance(event, SequenceStartEvent):
            value = self._sequence(path)
        else:
            value = self._scalar(event, path)
        if event.anchor is not None:
            self._anchors[event.anchor] = (value, self._count - before)
        return value

    def _alias(self, event: "AliasEvent") -> Json:
        if event.anchor not in self._anchors:
            raise self._fatal(event, f"*{event.anchor} refers to an anchor that is not defined (completely) above it")
        value, size = self._anchors[event.anchor]
        self._grow(size, event)  # counted as often as it is used, so that anchors of anchors cannot explode
        return value

    def _sequence(self, path: Path) -> Json:
        from ruamel.yaml.events import SequenceEndEvent

        items: list[Json] = []
        for event in self._events:
            if isinstance(event, SequenceEndEvent):
                break
            here = (*path, len(items))
            self._positions[spelled(here)] = _line(event)
            items.append(self._value(event, here))
        return items

    def _mapping(self, path: Path) -> Json:
        from ruamel.yaml.events import MappingEndEvent

        fields: dict[str, Json] = {}
        for event in self._events:
            if isinstance(event, MappingEndEvent):
                break
            key = self._key(event, path)
            here = (*path, key)
            if key in fields:
                first = self._positions[spelled(here)]
                self._complain(event, here, f"written twice (first on line {first}); keep one of them")
            else:
                self._positions[spelled(here)] = _line(event)
            fields[key] = self._value(next(self._events), here)
        return fields

    def _key(self, event: "Event", path: Path) -> str:
        from ruamel.yaml.events import AliasEvent, ScalarEvent

        key = self._value(event, path) if isinstance(event, (ScalarEvent, AliasEvent)) else None
        if not isinstance(event, (ScalarEvent, AliasEvent)):
            raise self._fatal(event, "a key must be text, not a list or a mapping")
        if key == "<<" and isinstance(event, ScalarEvent) and event.style is None:
            self._complain(event, path, "'<<' is no key: YAML 1.2 has no merge keys; repeat the keys")
        if not isinstance(key, str):
            shown = json.dumps(key)
            self._complain(event, path, f'the key {shown} is not text; put it in quotes if it is meant: "{shown}"')
        return key if isinstance(key, str) else json.dumps(key)

    def _scalar(self, event: "Event", path: Path) -> Json:
        from ruamel.yaml.events import ScalarEvent

        assert isinstance(event, ScalarEvent)
        if event.implicit[0]:
            return self._plain(event, path)
        # JSON writes characters beyond the basic plane as two escapes; put such pairs together
        text: str = event.value
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")

    def _plain(self, event: "ScalarEvent", path: Path) -> Json:
        text: str = event.value
        if _NULL.match(text):
            return None
        if _BOOL.match(text):
            return text.lower() == "true"
        if _NOT_FINITE.match(text):
            self._complain(event, path, f"{text} is not a finite number; study files hold finite numbers only")
            return None
        if len(text) > _MOST_DIGITS or not (_INT.match(text) or _FLOAT.match(text)):
            return text
        return self._number(text, event, path)

    def _number(self, text: str, event: "ScalarEvent", path: Path) -> Json:
        if _INT.match(text):
            return int(text, 8 if text.startswith("0o") else 16 if text.startswith("0x") else 10)
        number = float(text)
        if not math.isfinite(number):
            self._complain(event, path, f"{text} is too large for a number")
            return None
        return number

    def _refuse_tag(self, event: "NodeEvent", path: Path) -> None:
        tag = getattr(event, "tag", None)
        if tag is not None and str(tag) != "!":
            shown = str(tag).replace("tag:yaml.org,2002:", "!!")
            self._complain(event, path, f"the tag {shown} has no meaning here; leave it out, and put text in quotes")

    def _grow(self, size: int, event: "Event") -> None:
        self._count += size
        if self._count > _MOST_VALUES:
            raise self._fatal(event, f"holds more than {_MOST_VALUES} values; a study file is smaller than that")

    def _complain(self, event: "Event", path: Path, message: str) -> None:
        self._problems.append(Problem(key=spelled(path), message=message, line=_line(event)))

    def _fatal(self, event: "Event", message: str) -> StudyFileError:
        return _unreadable(self._source, message, _line(event))


def _line(event: "Event") -> int:
    mark = event.start_mark
    return int(mark.line) + 1
