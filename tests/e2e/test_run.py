"""``tenfold run`` as a user types it: to the end, interrupted, resumed, killed, in a pipe."""

import json
import signal
import time

from tests.e2e.conftest import Shell, table
from tests.e2e.studies import SLOW, SLOW_MODEL, quick


def test_a_study_runs_to_its_end_and_says_what_it_found(shell: Shell) -> None:
    """The result is on stdout, the progress on stderr, both plain text; the record stays, the cluster does not."""
    done = shell.run("run", shell.write("quick.yaml", quick(trials=8, strategy="bayesian")))
    assert done.returncode == 0, done.stderr
    assert "quick finished" in done.stdout
    assert "max_depth" in done.stdout
    assert "tenfold trials quick" in done.stdout, "the next command to type"
    assert str(shell.home) in done.stdout, "where the record is"
    assert "trial 7" in done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    assert "\r" not in done.stdout + done.stderr
    assert shell.leftovers() == []
    assert len(shell.json("trials", "quick")) == 8


def test_the_same_command_shows_the_result_again(cluster: Shell) -> None:
    """A study that has ended is not run again; ``--new`` does that, under the next free name."""
    file = cluster.write("quick.yaml", quick(trials=4))
    first = cluster.json("run", file)
    again = cluster.json("run", file)
    assert again == first
    assert [study["study"] for study in cluster.json("studies")] == ["quick"]
    fresh = cluster.json("run", file, "--new")
    assert fresh["study"] == "quick-2"
    assert cluster.json("compare", "quick", "quick-2")["identical"] is True


def test_a_changed_study_file_is_another_study(cluster: Shell) -> None:
    """The old one stays as it is; the new one gets the next free name, and the user is told what differs."""
    file = cluster.write("changing.yaml", quick("changing", trials=3))
    cluster.json("run", file)
    cluster.write("changing.yaml", quick("changing", trials=3, seed=2))
    done = cluster.run("run", file)
    assert done.returncode == 0, done.stderr
    assert "changing differs in seed; this is a new study: changing-2" in done.stderr
    cluster.write("changing.yaml", quick("changing", trials=4, seed=2))
    assert "tenfold extend changing-2 --trials N" in cluster.run("run", file).stderr


def test_json_is_one_document_on_stdout(cluster: Shell) -> None:
    """Whatever happens on stderr, scripts can read stdout."""
    done = cluster.run("run", cluster.write("json.yaml", quick("json", trials=3)), "--json", "--quiet")
    assert done.returncode == 0
    document = json.loads(done.stdout)
    assert document["state"] == "finished"
    assert document["trials"]["succeeded"] == 3
    assert done.stderr.splitlines()[1:] == [], "only that it has joined a cluster"


def test_an_interrupted_study_is_resumed_without_repeating_a_trial(shell: Shell) -> None:
    """Ctrl-C ends within two seconds and says how to resume; what was finished is not run again."""
    shell.write("slow.py", SLOW_MODEL)
    file = shell.write("slow.yaml", SLOW)
    running = shell.start("run", file)
    _wait_for_trials(shell, 3)
    begun = time.monotonic()
    running.send_signal(signal.SIGINT)
    _out, told = running.communicate(timeout=10)
    assert time.monotonic() - begun < 2.0
    assert running.returncode == 130
    assert f"tenfold run {file}" in told
    assert shell.leftovers() == []
    before = {trial["number"]: trial for trial in shell.finished_trials("slow")}
    assert 3 <= len(before) < 24
    assert shell.json("status", "slow")["state"] == "paused"

    done = shell.run("run", file)
    assert done.returncode == 0, done.stderr
    after = {trial["number"]: trial for trial in shell.finished_trials("slow")}
    assert len(after) == 24
    assert {number: after[number] for number in before} == before, "not even the seconds of a finished trial changed"
    assert all(trial["attempts"] == 1 for trial in before.values())


def test_being_told_to_terminate_is_an_interruption_and_a_second_one_kills(shell: Shell) -> None:
    """SIGTERM is taken as Ctrl-C is; who does it twice does not want to wait. Even so nothing is left."""
    shell.write("slow.py", SLOW_MODEL)
    running = shell.start("run", shell.write("slow.yaml", SLOW))
    _wait_for_trials(shell, 1)
    running.send_signal(signal.SIGTERM)
    time.sleep(0.02)
    running.send_signal(signal.SIGTERM)
    begun = time.monotonic()
    running.communicate(timeout=10)
    assert time.monotonic() - begun < 1.5
    assert running.returncode == 130


def test_killing_the_command_leaves_nothing_and_loses_nothing(shell: Shell) -> None:
    """After kill -9 every process is gone within three seconds, and the study can be resumed."""
    shell.write("slow.py", SLOW_MODEL)
    file = shell.write("slow.yaml", SLOW)
    running = shell.start("run", file)
    _wait_for_trials(shell, 2)
    running.kill()
    running.communicate(timeout=5)
    shell.wait_for("nothing is left", lambda: shell.leftovers() == [], timeout_s=3)
    before = {trial["number"]: trial for trial in shell.finished_trials("slow")}
    assert shell.json("run", file)["trials"]["succeeded"] == 24
    after = {trial["number"]: trial for trial in shell.finished_trials("slow")}
    assert {number: after[number] for number in before} == before


def test_the_number_of_workers_does_not_change_the_trials(shell: Shell) -> None:
    """One worker or three, the same table: parameters, seeds, fold scores, winner, stopping point."""
    file = shell.write("quick.yaml", quick(trials=14, strategy="bayesian"))
    one = shell.json("run", file, "--workers", "1")
    three = shell.json("run", file, "--workers", "3", "--new")
    assert table(shell.json("trials", "quick")) == table(shell.json("trials", "quick-2"))
    assert one["best"] == three["best"]


def test_a_second_command_joins_the_running_cluster_and_takes_over(shell: Shell) -> None:
    """It says so; and when the first one's cluster ends, the second starts its own and finishes its study."""
    shell.write("slow.py", SLOW_MODEL)
    first = shell.start("run", shell.write("slow.yaml", SLOW))
    shell.wait_for("the first cluster is up", (shell.home / "cluster.json").exists)
    second = shell.start("run", shell.write("second.yaml", SLOW.replace("name: slow", "name: second")))
    _wait_for_trials(shell, 1, study="second")
    first.send_signal(signal.SIGINT)
    first.communicate(timeout=10)
    _out, told = second.communicate(timeout=60)
    assert second.returncode == 0, told
    assert "joining the embedded cluster" in told
    assert "starting one here" in told
    assert shell.json("status", "second")["trials"]["succeeded"] == 24
    assert shell.json("status", "slow")["state"] == "paused"


def test_the_command_ends_with_its_pipe(shell: Shell) -> None:
    """``tenfold run FILE 2>&1 | head -1``: when nobody reads any more everything ends."""
    shell.write("slow.py", SLOW_MODEL)
    running = shell.start("run", shell.write("slow.yaml", SLOW))
    assert running.stderr is not None
    running.stderr.readline()
    running.stderr.close()
    assert running.wait(30) == 1
    assert shell.leftovers() == []


def _wait_for_trials(shell: Shell, count: int, *, study: str = "slow") -> None:
    shell.wait_for(f"{count} trials have finished", lambda: shell.count_finished(study) >= count)
