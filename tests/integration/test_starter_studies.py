"""``tenfold init`` against real tables: what it writes passes every check of a study, a fit on a sample included."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from tenfold.cli.init import command as init
from tenfold_common.domain.study_file import read_study
from tenfold_common.modelling.inspect import inspect_study

Row = Callable[[random.Random, int], list[str]]


def _mixed(rng: random.Random, number: int) -> list[str]:
    word = rng.choice(["red", "green", "", "blue"])
    return [str(number), f"{rng.random():.3f}", "" if number % 9 == 0 else str(rng.randint(1, 9)), word, "same"]


def _date(number: int) -> str:
    return f"20{10 + number // 12:02d}-{1 + number % 12:02d}-01"


TABLES: dict[str, tuple[str, Row]] = {
    "mixed-classes": ("id,x,n,word,one,y", lambda rng, i: [*_mixed(rng, i), "yes" if rng.random() < 0.2 else "no"]),
    "mixed-number": ("id,x,n,word,one,y", lambda rng, i: [*_mixed(rng, i), f"{rng.gauss(0, 1):.3f}"]),
    "words-only": ("a,b,y", lambda rng, _: [rng.choice("pqr"), rng.choice(["u", "v", ""]), rng.choice("012")]),
    "true-and-false": ("a,b,y", lambda rng, _: [rng.choice(["true", ""]), f"{rng.random():.3f}", rng.choice("01")]),
    "groups-and-dates": (
        "patient,day,x,y",
        lambda rng, i: [f"P{i % 12:03d}", _date(i), f"{rng.random():.3f}", rng.choice("ab")],
    ),
    "dates": ("day,x,y", lambda rng, i: [_date(i), f"{rng.random():.3f}", f"{rng.random():.3f}"]),
    "odd: names": ("#,a: b,y", lambda rng, i: [f"{rng.random():.3f}", rng.choice("ab"), rng.choice("ab")]),
}


def _table(name: str, rows: int) -> str:
    header, row = TABLES[name]
    rng = random.Random(0)
    return "\n".join([header, *(",".join(row(rng, number)) for number in range(rows))]) + "\n"


@pytest.mark.parametrize("rows", [240, 1_200])
@pytest.mark.parametrize("name", TABLES)
def test_what_init_writes_passes_the_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, rows: int
) -> None:
    """The check reads the data, builds the model, makes the folds and fits once: what passes it runs."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.csv").write_text(_table(name, rows))
    written = CliRunner().invoke(init, ["--data", "t.csv", "--target", "y"], catch_exceptions=False)
    assert written.exit_code == 0, written.output
    read = read_study((tmp_path / "study.yaml").read_text(), source="study.yaml")
    inspection = inspect_study(read, base=tmp_path)
    assert inspection.target == "y"
    assert inspection.n_folds == 5
    assert not [warning for warning in inspection.warnings if "accuracy" in warning]


@pytest.mark.parametrize("source", ["sklearn:wine", "sklearn:diabetes", "sklearn:digits"])
def test_data_of_scikit_learn_needs_no_target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str) -> None:
    """Its target is known."""
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(init, ["--data", source], catch_exceptions=False).exit_code == 0
    read = read_study((tmp_path / "study.yaml").read_text(), source="study.yaml")
    assert inspect_study(read, base=tmp_path).target == "target"
