"""How progress is shown while a study runs: a few lines that change on a terminal, one line per trial in a pipe.

The lines are made by pure functions; ``rich`` is imported only where the stream is a terminal.
"""

import shutil
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, TextIO

from tenfold.report.paint import PLAIN, Paint
from tenfold.report.progress import Progress
from tenfold.report.wording import (
    FAILURE_WORDS,
    count_text,
    params_text,
    score_text,
    seconds_text,
    spread_text,
)
from tenfold_common.domain.records import TrialRecord
from tenfold_common.domain.words import FailureKind

if TYPE_CHECKING:
    from rich.live import Live

_BAR = "━"
_WIDEST_BAR = 40


class Display(Protocol):
    """Where progress is shown."""

    def show(self, progress: Progress) -> None:
        """Bring what is shown up to date."""

    def say(self, text: str) -> None:
        """Tell something once."""

    def close(self) -> None:
        """Leave the stream as a person wants to find it. Closing twice is harmless."""


def open_display(stream: TextIO, *, colour: bool = True) -> Display:
    """The display that suits the stream. Whoever opens it closes it, also on Ctrl-C.

    Args:
        stream: Where progress goes; usually stderr, so that stdout holds the result alone.
        colour: Whether a terminal may be painted.
    """
    return TerminalDisplay(stream, colour=colour) if stream.isatty() else PlainDisplay(stream)


class PlainDisplay:
    """Progress as a log: one line per finished trial, no colour, no carriage return."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._seen: set[int] | None = None
        self._best: TrialRecord | None = None

    def show(self, progress: Progress) -> None:
        """Write a line for each trial that ended since the last call; at first, where the study stands."""
        if self._seen is None:
            self._seen = {trial.number for trial in progress.finished}
            self._best = progress.best
            self.say(opening_line(progress))
            return
        for trial in progress.finished:
            if trial.number not in self._seen:
                self._seen.add(trial.number)
                self._tell(trial, progress)

    def say(self, text: str) -> None:
        """Write a line."""
        self._stream.write(text + "\n")
        self._stream.flush()

    def close(self) -> None:
        """Nothing to leave behind."""

    def _tell(self, trial: TrialRecord, progress: Progress) -> None:
        assert self._seen is not None, "show() has set it"
        improved = _improves(trial, self._best, progress)
        if improved:
            self._best = trial
        self.say(trial_line(trial, self._best, done=len(self._seen), budget=progress.budget))


class TerminalDisplay:
    """Progress as a few lines that are rewritten in place and vanish at the end, when the result takes over."""

    def __init__(self, stream: TextIO, *, colour: bool = True) -> None:
        self._stream = stream
        self._paint = Paint(colour)
        self._live: Live | None = None
        self._closed = False

    def show(self, progress: Progress) -> None:
        """Rewrite the lines."""
        from rich.text import Text

        width = shutil.get_terminal_size().columns
        lines = progress_lines(progress, width=width, paint=self._paint)
        self._opened().update(Text.from_ansi("\n".join(lines), no_wrap=True, overflow="ellipsis"), refresh=True)

    def say(self, text: str) -> None:
        """Write a line above the changing ones."""
        if self._live is None:
            self._stream.write(text + "\n")
            self._stream.flush()
        else:
            self._live.console.print(text, markup=False, highlight=False)

    def close(self) -> None:
        """Take the changing lines away."""
        if self._live is not None and not self._closed:
            self._closed = True
            self._live.stop()

    def _opened(self) -> "Live":
        if self._live is None:
            from rich.console import Console
            from rich.live import Live

            console = Console(file=self._stream, force_terminal=True, no_color=not self._paint.colour)
            self._live = Live(console=console, transient=True, auto_refresh=False, redirect_stdout=False)
            self._live.start()
        return self._live


def progress_lines(progress: Progress, *, width: int, paint: Paint = PLAIN) -> list[str]:
    """The lines a terminal shows while a study runs."""
    title = f"{paint.strong(progress.name)}  {paint.state(str(progress.state))}"
    about = f"{progress.strategy} search, {progress.metric}, {seconds_text(progress.elapsed_s)}"
    lines = [f"{title}  {paint.faint(about)}", _bar_line(progress, width, paint)]
    if progress.best is None:
        lines.append("best  none yet")
    else:
        score = paint.good(spread_text(progress.best_scores))
        lines += [f"best  {score}  trial {progress.best.number}", f"      {params_text(progress.best.params)}"]
    return [*lines, f"now   {_now_text(progress, paint)}"]


def opening_line(progress: Progress) -> str:
    """Where a study stands when one begins to look, for a log."""
    limit = "" if progress.budget is None else f" of {progress.budget}"
    best = "" if progress.best is None else f", best {progress.metric} {_best_text(progress.best)}"
    return (
        f"{progress.name} {progress.state}: {progress.strategy} search, "
        f"{progress.done}{limit} {'trial' if progress.budget == 1 else 'trials'} done{best}"
    )


def trial_line(trial: TrialRecord, best: TrialRecord | None, *, done: int, budget: int | None) -> str:
    """One finished trial, for a log.

    Args:
        trial: The trial.
        best: The best one so far, this one included.
        done: Number of trials that have ended.
        budget: Trials in all; None where no rule limits them.
    """
    place = f"[{done}]" if budget is None else f"[{done:>{len(str(budget))}}/{budget}]"
    if trial.score is None:
        kind = "" if trial.failure is None else f" ({FAILURE_WORDS[trial.failure.kind]}): {trial.failure.message}"
        return f"{place} trial {trial.number} failed{kind}"
    text = f"{place} trial {trial.number} {score_text(trial.score)} in {seconds_text(trial.seconds)}"
    if best is None or best.number == trial.number:
        return f"{text}, new best: {params_text(trial.params)}"
    return f"{text}, best {_best_text(best)}"


def failures_text(failures: dict[str, int]) -> str:
    """Failures by kind: ``2 exception, 1 crash``."""
    return ", ".join(f"{count} {FAILURE_WORDS[FailureKind(kind)]}" for kind, count in failures.items())


def _bar_line(progress: Progress, width: int, paint: Paint) -> str:
    speed: Sequence[str] = [
        *([f"{progress.rate:.1f}/min"] if progress.rate else []),
        *([f"{seconds_text(progress.eta_s)} left"] if progress.eta_s is not None else []),
    ]
    if progress.budget is None:
        return "  ".join([count_text(progress.done, "trial"), *speed])
    text = "  ".join([f"{progress.done} of {progress.budget}", *speed])
    room = min(_WIDEST_BAR, width - len(text) - 2)
    full = room * min(progress.done, progress.budget) // max(1, progress.budget)
    return f"{paint.good(_BAR * full)}{paint.faint(_BAR * (room - full))}  {text}" if room >= 8 else text


def _now_text(progress: Progress, paint: Paint) -> str:
    parts = [f"{progress.running} running", f"{progress.queued} queued"]
    if progress.failures:
        parts.append(paint.bad(f"failed: {failures_text(progress.failures)}"))
    return ", ".join(parts)


def _best_text(best: TrialRecord) -> str:
    return f"{score_text(best.score)} (trial {best.number})"


def _improves(trial: TrialRecord, best: TrialRecord | None, progress: Progress) -> bool:
    if trial.score is None:
        return False
    if best is None or best.score is None:
        return True
    return progress.direction.better(trial.score, best.score)
