"""Colour on a terminal, nothing elsewhere: one object that either paints or leaves text alone."""

from collections.abc import Callable
from dataclasses import dataclass

from tenfold_common.domain.words import StudyState, TrialState

Style = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Paint:
    """How to make text stand out.

    Attributes:
        colour: Whether the reader is a terminal that shows colour.
    """

    colour: bool = False

    def strong(self, text: str) -> str:
        """What to read first."""
        return self._sgr("1", text)

    def faint(self, text: str) -> str:
        """What to read last."""
        return self._sgr("2", text)

    def good(self, text: str) -> str:
        """What went well."""
        return self._sgr("32", text)

    def bad(self, text: str) -> str:
        """What failed."""
        return self._sgr("31", text)

    def careful(self, text: str) -> str:
        """What needs a look."""
        return self._sgr("33", text)

    def state(self, text: str) -> str:
        """A state's word, padded or not, in its colour."""
        return _STATES.get(text.strip().partition(" ")[0], _plain)(self, text)

    def _sgr(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour and text else text


PLAIN = Paint()


def _plain(_paint: Paint, text: str) -> str:
    return text


_STATES: dict[str, Callable[[Paint, str], str]] = {
    StudyState.RUNNING: Paint.careful,
    StudyState.FINISHED: Paint.good,
    StudyState.CANCELLED: Paint.faint,
    StudyState.FAILED: Paint.bad,
    TrialState.SUCCEEDED: Paint.good,
    TrialState.QUEUED: Paint.faint,
    "ok": Paint.good,
    "warn": Paint.careful,
    "fail": Paint.bad,
}
