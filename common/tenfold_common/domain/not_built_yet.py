"""What the study file's notation already has but no code does yet: refused in words, never silently ignored.

Each line goes when its feature comes; nothing else has to change.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, cast

from tenfold_common.domain.notation import Path, spelled
from tenfold_common.domain.plain_values import Finding, show
from tenfold_common.domain.words import Json


@dataclass(frozen=True, slots=True)
class NotBuilt:
    """A key, the values of it that work, and what the others would ask for."""

    path: tuple[str, ...]
    works: tuple[object, ...]
    feature: str


NOT_BUILT: Final = (
    NotBuilt(("data", "test_size"), (0,), "a sealed test set"),
    NotBuilt(("select", "confirm"), (0,), "scoring the best trials again on fresh folds"),
    NotBuilt(("select", "rule"), ("mean",), "another rule for the winner"),
    NotBuilt(("execution", "order"), ("strict",), "suggestions in free order"),
    NotBuilt(("execution", "resources", "gpu"), (0,), "trials on GPUs"),
    NotBuilt(("execution", "labels"), ([],), "labels of workers"),
    NotBuilt(("environment",), ("record",), "holding workers to the study's package versions"),
)


def not_built(document: Mapping[str, Json], *, known_bad: Collection[Path] = ()) -> Iterator[Finding]:
    """Findings for everything in a study file that is not built yet.

    Args:
        document: The file as JSON data.
        known_bad: Paths whose values are wrong anyway and need no second message.
    """
    for entry in NOT_BUILT:
        asked = _at(document, entry.path)
        if asked is not None and asked not in entry.works and entry.path not in known_bad:
            message = f"{show(asked)}: {entry.feature} is not built yet; leave out {spelled(entry.path)}"
            yield Finding(path=entry.path, message=message)


def _at(document: Mapping[str, Json], path: Sequence[str]) -> Json:
    value: object = document
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return cast("Json", value)
