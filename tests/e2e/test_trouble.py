"""Models that fail and files that are wrong, as a user meets them."""

import json
from typing import Any

import pytest

from tests.e2e.conftest import Shell
from tests.e2e.studies import BAD, TROUBLE, TROUBLE_MODEL, quick


@pytest.fixture(scope="module")
def trouble(cluster: Shell) -> Shell:
    """A terminal in whose home a study of a model that fails in every way has run."""
    cluster.write("trouble.py", TROUBLE_MODEL)
    done = cluster.run("run", cluster.write("trouble.yaml", TROUBLE))
    assert done.returncode == 0, done.stderr
    (cluster.folder / "summary.txt").write_text(done.stdout)
    return cluster


def _trial(shell: Shell, way: str) -> dict[str, Any]:  # Any: JSON
    found = [trial for trial in shell.json("trials", "trouble") if trial["params"]["way"] == way]
    detail: dict[str, Any] = shell.json("trial", "trouble", str(found[0]["number"]))
    return detail


def test_a_failing_model_costs_its_own_trials_only(trouble: Shell) -> None:
    """All six points have an outcome, and the sound ones have a score."""
    trials = trouble.json("trials", "trouble")
    assert [trial["state"] for trial in trials].count("succeeded") == 2
    assert [trial["state"] for trial in trials].count("failed") == 4
    again = {trial["params"]["way"] for trial in trials if trial["attempts"] > 1}
    assert again <= {"segfaults"}, "only a crash might be the machine's fault and is tried again"


@pytest.mark.parametrize(
    ("way", "kind", "evidence"),
    [
        ("raises", "exception", "this point does not suit me"),
        ("nan", "invalid_score", "nan"),
        ("segfaults", "crashed", "SIGSEGV"),
        ("hangs", "timeout", "1"),
    ],
)
def test_the_reason_of_a_failure_can_be_read(trouble: Shell, way: str, kind: str, evidence: str) -> None:
    """``tenfold trial NAME N`` tells the kind and shows the traceback or how the process ended."""
    trial = _trial(trouble, way)
    assert trial["failure"]["kind"] == kind
    shown = trouble.run("trial", "trouble", str(trial["number"])).stdout
    assert evidence.lower() in shown.lower()
    if way == "raises":
        assert "Traceback" in shown
        assert "trouble.py" in shown


def test_the_summary_counts_failures_by_kind(trouble: Shell) -> None:
    """With the reason of the first, and the command that shows more."""
    summary = (trouble.folder / "summary.txt").read_text()
    assert "4 failed" in summary
    assert "this point does not suit me" in summary
    assert "tenfold trial trouble" in summary


def test_a_model_that_crashes_when_it_is_tried_does_not_take_the_command_along(cluster: Shell) -> None:
    """The few rows on which a study is tried are looked at in a process that may die; the user is told."""
    cluster.write("trouble.py", TROUBLE_MODEL)
    text = TROUBLE.replace("name: trouble", "name: crashes").replace(
        "raises, nan, none, segfaults, hangs", "segfaults"
    )
    done = cluster.run("run", cluster.write("crashes.yaml", text.replace("  constraints", "  # constraints")))
    assert done.returncode == 1, done.stderr
    assert "was ended by SIGSEGV: expect trials to fail" in done.stderr


def test_a_study_in_which_every_trial_fails_ends_with_exit_code_one(cluster: Shell) -> None:
    """There is no result, and a script can tell."""
    cluster.write("trouble.py", TROUBLE_MODEL)
    text = TROUBLE.replace("name: trouble", "name: hopeless").replace("raises, nan, none, segfaults, hangs", "raises")
    done = cluster.run("run", cluster.write("hopeless.yaml", text.replace("  constraints", "  # constraints")))
    assert done.returncode == 1
    assert "no trial has succeeded" in done.stdout


@pytest.mark.parametrize("verb", ["run", "check"])
def test_everything_wrong_with_a_file_is_told_at_once(shell: Shell, verb: str) -> None:
    """Each problem with its line, its value and the nearest valid word; nothing is started for it."""
    done = shell.run(verb, shell.write("bad.yaml", BAD))
    assert done.returncode == 2
    for line, words in [
        (2, "bad name"),
        (3, "-1"),
        (4, "target"),
        (7, "bayesian"),
        (9, "8"),
        (10, "stratified"),
        (11, "none"),
    ]:
        assert any(f"bad.yaml:{line}:" in told and words in told for told in done.stderr.splitlines()), (line, words)
    assert not (shell.home / "tenfold.db").exists()
    assert shell.leftovers() == []


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("sklearn:iris", "sklearn:irisses", "iris"),
        ("sklearn:iris", "none.csv", "none.csv"),
        ("DecisionTreeClassifier", "DecisionTreClassifier", "DecisionTreeClassifier"),
        ("max_depth", "max_dept", "max_depth"),
        ("accuracy", "acuracy", "accuracy"),
        ("stratified: 3", "stratified: 60", "50"),
    ],
)
def test_what_only_data_or_model_can_tell_is_told_before_anything_is_queued(
    cluster: Shell, old: str, new: str, words: str
) -> None:
    """A study that cannot work is never submitted."""
    file = cluster.write("wrong.yaml", quick("wrong").replace(old, new))
    done = cluster.run("run", file)
    assert done.returncode == 2, done.stderr
    assert words in done.stderr
    assert "wrong.yaml:" in done.stderr, "with file and line"
    assert "Traceback" not in done.stderr
    assert cluster.run("status", "wrong").returncode == 2, "there is no such study"


def test_a_missing_file_names_the_nearest(shell: Shell) -> None:
    """A typing mistake is answered with the file that was meant."""
    shell.write("study.yaml", quick())
    done = shell.run("run", "stduy.yaml")
    assert done.returncode == 2
    assert "study.yaml" in done.stderr


def test_check_prints_the_plan(cluster: Shell) -> None:
    """Trials, folds, the data's shape and classes, metric and direction, strategy and lag: before anything runs."""
    file = cluster.write("quick.yaml", quick(strategy="bayesian", trials=60))
    plan = json.loads(cluster.run("check", file, "--json").stdout)
    assert plan["trials"] == 60
    assert plan["folds"]["count"] == 3
    assert plan["data"]["rows"] == 150
    assert plan["data"]["features"] == 4
    assert plan["metrics"] == ["accuracy", "f1_macro"]
    assert plan["direction"] == "maximize"
    assert plan["lag"] == 6
    text = cluster.run("check", file).stdout
    for words in ("60 trials", "150 rows", "accuracy", "bayesian"):
        assert words in text
