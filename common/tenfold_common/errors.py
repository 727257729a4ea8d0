"""Every error Tenfold raises on purpose, on one page.

An error's text shows the value, the rule and the next step. Errors cross processes (pickle, JSON): the
parameters go to ``super().__init__`` and the text is written in ``__str__``, because a formatted string given to
``Exception.__init__`` comes back doubled.
"""

from collections.abc import Sequence
from dataclasses import dataclass


class TenfoldError(Exception):
    """Something a person can act on. The command line prints its text and exits 1."""


class MisuseError(TenfoldError):
    """What was asked for makes no sense as asked: a wrong flag, name or state. Exit code 2."""


class NotFoundError(MisuseError):
    """A name that nothing has. Parameters: what kind of thing, the name, the names that exist (None: who knows)."""

    def __init__(self, kind: str, name: str, known: Sequence[str] | None = ()) -> None:
        super().__init__(kind, name, None if known is None else tuple(known))
        self.kind, self.name, self.known = kind, name, None if known is None else tuple(known)

    def __str__(self) -> str:
        from difflib import get_close_matches

        text = f"there is no {self.kind} named {self.name!r}"
        if self.known is None:
            return text
        near = get_close_matches(self.name, self.known, n=1)
        if near:
            return f"{text}; did you mean {near[0]!r}?"
        if self.known:
            return f"{text}; there are: {', '.join(sorted(self.known)[:10])}"
        return f"{text}; there are none yet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing wrong with a study file: where it stands, what it is, what the rule is.

    Attributes:
        key: Dotted path of the offending key, such as ``search.space.svc.C``; empty for the whole file.
        message: Value, rule and next step in one sentence.
        line: 1-based line in the file, or None where the value came from Python.
    """

    key: str
    message: str
    line: int | None = None


class StudyFileError(MisuseError):
    """Everything wrong with one study file, all at once."""

    def __init__(self, source: str, problems: Sequence[Problem]) -> None:
        super().__init__(source, tuple(problems))
        self.source, self.problems = source, tuple(problems)

    def __str__(self) -> str:
        return "\n".join(self._line(problem) for problem in self.problems)

    def _line(self, problem: Problem) -> str:
        where = self.source if problem.line is None else f"{self.source}:{problem.line}"
        return f"{where}: {problem.key}: {problem.message}" if problem.key else f"{where}: {problem.message}"


class DataError(MisuseError):
    """The data cannot serve the study: missing file, wrong column, one class, too few rows."""


class TransientError(TenfoldError):
    """What waiting and trying again can cure: a broker or database that is away for a while."""


class FencedError(TenfoldError):
    """A newer scheduler holds the lock; this one must not write any more. Parameters: own epoch, newest epoch."""

    def __init__(self, own: int, newest: int) -> None:
        super().__init__(own, newest)
        self.own, self.newest = own, newest

    def __str__(self) -> str:
        return f"another scheduler (epoch {self.newest}) has taken over from this one (epoch {self.own})"
