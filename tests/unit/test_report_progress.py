"""How far a study is, and how that is shown on a terminal and in a pipe."""

import io
from dataclasses import replace
from datetime import timedelta

import pytest

from tenfold.report.live import PlainDisplay, TerminalDisplay, open_display, progress_lines, trial_line
from tenfold.report.paint import Paint
from tenfold.report.progress import Progress, progress_of
from tenfold_common.domain.records import StudyRecord, TrialRecord
from tenfold_common.domain.stopping import StoppingRules
from tenfold_common.domain.words import FailureKind, StudyState, TrialState
from tests.unit.report_samples import NOON, failed_trial, study_record, trial_record

LONG = {f"a_rather_long_name_{number}": 0.123456789 for number in range(12)}


def _study(**rules: object) -> StudyRecord:
    stopping = replace(StoppingRules(trials=10), **rules)  # type: ignore[arg-type]  # the rules a test names
    return study_record(
        state=StudyState.RUNNING, stopping=stopping, started_at=NOON - timedelta(seconds=60), elapsed_s=60.0
    )


def _progress(records: list[TrialRecord], **rules: object) -> Progress:
    return progress_of(_study(**rules), records, now=NOON)


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_counts_what_ended_runs_and_waits() -> None:
    """Failed trials have ended too."""
    trials = [
        trial_record(0, (0.9, 0.92)),
        failed_trial(1, FailureKind.CRASHED),
        trial_record(2, state=TrialState.RUNNING),
        trial_record(3),
    ]
    progress = _progress(trials)
    assert (progress.done, progress.running, progress.queued) == (2, 1, 1)
    assert progress.failures == {"crashed": 1}
    assert progress.best == trials[0]
    assert progress.best_scores == (0.9, 0.92)


def test_finished_trials_come_in_the_order_in_which_they_ended() -> None:
    """Not in trial order: progress tells what happened, when it happened."""
    late = trial_record(0, (0.9, 0.9), ended_at=NOON)
    early = trial_record(1, (0.9, 0.9), ended_at=NOON - timedelta(seconds=5))
    assert _progress([late, early]).finished == (early, late)


def test_the_eta_follows_from_the_rate_and_what_is_left() -> None:
    """Five of ten in a minute leave a minute."""
    progress = _progress([trial_record(number, (0.9, 0.9), seconds=60.0) for number in range(5)])
    assert progress.rate == pytest.approx(5.0)
    assert progress.eta_s == pytest.approx(60.0)


def test_a_time_limit_bounds_the_eta() -> None:
    """The study ends at whichever comes first."""
    trials = [trial_record(number, (0.9, 0.9), seconds=60.0) for number in range(5)]
    assert _progress(trials, time_s=70.0).eta_s == pytest.approx(10.0)
    assert _progress([], time_s=90.0, trials=None).eta_s == pytest.approx(30.0)


def test_without_a_rate_or_while_paused_there_is_no_eta() -> None:
    """A guess that cannot be made is not shown."""
    assert _progress([]).eta_s is None
    trials = [trial_record(0, (0.9, 0.9))]
    assert progress_of(replace(_study(), state=StudyState.PAUSED), trials, now=NOON).eta_s is None


def test_a_terminal_sees_bar_best_and_failures_within_its_width() -> None:
    """The bar gives way to the words."""
    trials = [trial_record(0, (0.9, 0.92), seconds=60.0), failed_trial(1), trial_record(2)]
    lines = progress_lines(_progress(trials), width=80)
    assert lines[0] == "digits-svc  running  bayesian search, accuracy, 1m 00s"
    assert lines[1].startswith("━")
    assert lines[1].endswith("  2 of 10  2.0/min  4m 00s left")
    assert lines[2] == "best  0.910000 ± 0.014  trial 0"
    assert lines[3] == "      svc.C=1 svc.gamma=0.01 svc.kernel=rbf"
    assert lines[4] == "now   0 running, 1 queued, failed: 1 exception"
    assert all(len(line) <= 80 for line in lines)


def test_a_narrow_terminal_gets_no_bar() -> None:
    """Words first."""
    assert progress_lines(_progress([]), width=16)[1] == "0 of 10"


def test_a_study_without_a_budget_has_no_bar() -> None:
    """There is no telling how long it would be."""
    assert progress_lines(_progress([trial_record(0, (0.9, 0.9))], trials=None), width=80)[1].startswith("1 trial")


def test_more_trials_than_the_budget_fill_the_bar_and_no_more() -> None:
    """A study that is just being stopped may have a few more."""
    trials = [trial_record(number, (0.9, 0.9)) for number in range(12)]
    line = progress_lines(_progress(trials), width=80)[1]
    assert line.count("━") == 40


def test_a_pipe_gets_where_the_study_stands_and_then_a_line_per_finished_trial() -> None:
    """Trials that had ended before are not told again, and none is told twice."""
    stream = io.StringIO()
    display = open_display(stream)
    assert isinstance(display, PlainDisplay)
    trials = [trial_record(0, (0.9, 0.92))]
    display.show(_progress(trials))
    trials += [failed_trial(1), trial_record(2, (0.5, 0.5)), trial_record(3, (0.97, 0.99))]
    display.show(_progress(trials))
    display.show(_progress(trials))
    display.say("the end")
    display.close()
    assert stream.getvalue().splitlines() == [
        "digits-svc running: bayesian search, 1 of 10 trials done, best accuracy 0.910000 (trial 0)",
        "[ 2/10] trial 1 failed (exception): ValueError: gamma is too large",
        "[ 3/10] trial 2 0.500000 in 1.50 s, best 0.910000 (trial 0)",
        "[ 4/10] trial 3 0.980000 in 1.50 s, new best: svc.C=4 svc.gamma=0.04 svc.kernel=rbf",
        "the end",
    ]


def test_a_line_in_a_pipe_is_neither_coloured_nor_cut_nor_rewritten() -> None:
    """A log keeps everything."""
    stream = io.StringIO()
    display = PlainDisplay(stream)
    display.show(_progress([]))
    display.show(_progress([trial_record(0, (0.9, 0.9), params=dict(LONG))]))
    assert "a_rather_long_name_11=0.123456789\n" in stream.getvalue()
    assert not set(stream.getvalue()) & {"\x1b", "\r"}


def test_a_trial_without_a_budget_is_counted_only() -> None:
    """There is nothing to count towards."""
    assert trial_line(trial_record(4, (0.9, 0.9)), None, done=5, budget=None).startswith("[5] trial 4 0.900000 ")


def test_a_terminal_is_rewritten_in_place_and_left_clean() -> None:
    """The cursor is hidden meanwhile, comes back at the end, and closing twice is harmless."""
    stream = _Terminal()
    display = open_display(stream)
    assert isinstance(display, TerminalDisplay)
    display.show(_progress([]))
    display.say("a note")
    display.show(_progress([trial_record(0, (0.9, 0.9), params=dict(LONG))]))
    display.close()
    display.close()
    text = stream.getvalue()
    assert "\x1b[?25l" in text
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")
    assert "a note" in text
    assert "…" in text  # the long point is cut on a terminal, where it would break the rewriting


def test_a_terminal_that_shows_no_colour_gets_none() -> None:
    """As NO_COLOR asks for."""
    stream = _Terminal()
    display = open_display(stream, colour=False)
    display.show(_progress([failed_trial(0)]))
    display.close()
    assert "\x1b[31m" not in stream.getvalue()
    assert "\x1b[31m" in "".join(progress_lines(_progress([failed_trial(0)]), width=80, paint=Paint(colour=True)))
