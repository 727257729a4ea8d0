"""Every example runs, in a reduced form, through the installed command; their tables are what the script writes."""

import re
import runpy
import shutil
from pathlib import Path

import pytest

from tests.e2e.conftest import EXAMPLES, Shell

FILES = sorted(str(path.relative_to(EXAMPLES)) for path in EXAMPLES.rglob("*.yaml"))


@pytest.fixture(scope="module")
def examples(cluster: Shell) -> Path:
    """A copy of the examples in which every study has few trials."""
    copy = Path(shutil.copytree(EXAMPLES, cluster.folder / "examples"))
    for file in copy.rglob("*.yaml"):
        text = re.sub(r"(?m)^  trials: \d+", "  trials: 4", file.read_text())
        file.write_text(text if "trials: 4" in text else f"{text}\nstopping: {{trials: 4}}\n")
    return copy


def test_the_examples_are_what_the_issue_asks_for() -> None:
    """Digits, groups and missing values, a time series, a regression, a grid, a model of one's own."""
    assert FILES == [
        "clinics.yaml",
        "diabetes.yaml",
        "digits.yaml",
        "own_model/own-model.yaml",
        "riders.yaml",
        "wine-grid.yaml",
    ]


@pytest.mark.parametrize("file", FILES)
def test_an_example_runs(cluster: Shell, examples: Path, file: str) -> None:
    """It ends with a result, and no trial fails."""
    document = cluster.json("run", str(examples / file))
    assert document["state"] == "finished"
    assert document["trials"]["succeeded"] == 4
    assert document["best"] is not None


@pytest.mark.parametrize("file", FILES)
def test_an_example_says_what_it_shows(file: str) -> None:
    """Its header has the command to type and what to look at."""
    text = (EXAMPLES / file).read_text()
    header = text.partition("\n\nname:")[0]
    assert f"tenfold run examples/{file}" in header
    assert "Shows:" in header


def test_the_invented_tables_are_what_their_script_writes() -> None:
    """Whoever doubts the data can make it again."""
    script = runpy.run_path(str(EXAMPLES / "data" / "make_data.py"))
    for name in ("clinics", "riders"):
        rows = script[name]()
        written = (EXAMPLES / "data" / f"{name}.csv").read_text()
        assert written == "".join(",".join(row) + "\n" for row in rows)
