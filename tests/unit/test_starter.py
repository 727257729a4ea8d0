"""Starter study files: the roles that columns get, the folds and metrics that follow, text that is valid as it is."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from tenfold.cli.init import command as init
from tenfold.starter.choices import Choices, choose
from tenfold.starter.first_study import first_study
from tenfold.starter.study_text import scalar, study_name, study_text
from tenfold_common.data.columns import ColumnFacts, Form, TargetFacts, TaskGuess
from tenfold_common.domain.study_file import read_study
from tenfold_common.errors import DataError, MisuseError

ROWS = 300


def _target(*classes: tuple[str, int], missing: float = 0.0) -> ColumnFacts:
    task = TaskGuess.REGRESSION if not classes else TaskGuess.BINARY if len(classes) == 2 else TaskGuess.MULTICLASS
    target = TargetFacts(task=task, classes=classes, why="because")
    return ColumnFacts(
        name="y", form=Form.NUMERIC, missing_share=missing, distinct=len(classes) or 250, why="w", target=target
    )


def _column(
    name: str,
    form: Form = Form.NUMERIC,
    *,
    missing: float = 0.0,
    distinct: int = 40,
    group: str | None = None,
    time: str | None = None,
) -> ColumnFacts:
    return ColumnFacts(
        name=name, form=form, missing_share=missing, distinct=distinct, why="w", group_why=group, time_why=time
    )


EVEN = _target(("a", 150), ("b", 150))
UNEVEN = _target(("a", 250), ("b", 50))
NUMBER = _target()


def _chosen(*facts: ColumnFacts, rows: int = ROWS, table: bool = True) -> Choices:
    return choose(facts, rows=rows, table=table)


def _written(*facts: ColumnFacts, rows: int = ROWS, table: bool = True) -> str:
    choices = _chosen(*facts, rows=rows, table=table)
    return study_text(choices, facts, source="data.csv", file="study.yaml", name="data", rows=rows)


def test_even_classes_get_stratified_folds_and_accuracy() -> None:
    """Nothing special about the data: the usual choice."""
    choices = _chosen(EVEN, _column("x"))
    assert choices.folds.value == "{stratified: 5}"
    assert choices.metrics.value == "[accuracy, roc_auc]"


def test_uneven_classes_get_balanced_accuracy_and_the_reason() -> None:
    """Always answering the frequent class must not look good."""
    choices = _chosen(UNEVEN, _column("x"))
    assert choices.metrics.value == "[balanced_accuracy, roc_auc]"
    assert "250 rows 'a'" in choices.metrics.why


def test_several_classes_get_f1_beside() -> None:
    """The area under the curve is for two classes."""
    assert _chosen(_target(("a", 100), ("b", 100), ("c", 100)), _column("x")).metrics.value == "[accuracy, f1_macro]"


def test_a_number_gets_plain_folds_and_an_error_metric() -> None:
    """Regression has no classes to keep even."""
    choices = _chosen(NUMBER, _column("x"))
    assert choices.folds.value == "{kfold: 5}"
    assert choices.metrics.value == "[neg_root_mean_squared_error, r2]"


def test_groups_decide_the_folds() -> None:
    """A column that ties rows together is kept together, and the model does not see it."""
    choices = _chosen(EVEN, _column("patient", Form.CATEGORICAL, group="its name says 'patient'"), _column("x"))
    assert choices.groups is not None
    assert choices.groups.value == "patient"
    assert choices.folds.value == "{stratified-group: 5}"
    assert choices.categorical == ()


def test_a_name_says_more_than_values_about_groups() -> None:
    """Of two columns that may be groups the one whose name says so is taken; the other is mentioned."""
    codes = _column("code", Form.CATEGORICAL, group="its values look like codes")
    choices = _chosen(NUMBER, codes, _column("subject", group="its name says 'subject'"), _column("x"))
    assert choices.groups is not None
    assert choices.groups.value == "subject"
    assert choices.folds.value == "{group: 5}"
    assert any("'code'" in aside for aside in choices.asides)


def test_few_groups_give_few_folds() -> None:
    """There cannot be more folds than groups."""
    choices = _chosen(EVEN, _column("site", Form.CATEGORICAL, distinct=3, group="its name says"), _column("x"))
    assert choices.folds.value == "{stratified-group: 3}"


def test_time_decides_the_folds() -> None:
    """A column that orders the rows gives folds that train on the past."""
    choices = _chosen(NUMBER, _column("date", Form.DATETIME, time="dates"), _column("x"))
    assert choices.time is not None
    assert choices.folds.value == "{time-series: 5}"


def test_groups_go_before_time_and_the_alternative_is_said() -> None:
    """Folds keep one of the two; the person is told how to choose the other."""
    facts = (EVEN, _column("patient", group="its name says"), _column("visit", Form.DATETIME, time="dates"))
    choices = _chosen(*facts, _column("x"))
    assert choices.time is None
    assert [one.value for one in choices.drop] == ["visit"]
    assert any("time: visit" in aside for aside in choices.asides)


def test_groups_or_times_with_gaps_cannot_order_anything() -> None:
    """Every row needs its group or its time."""
    choices = _chosen(
        EVEN, _column("patient", missing=0.1, group="g"), _column("date", Form.DATETIME, missing=0.1, time="t")
    )
    assert choices.groups is None
    assert choices.time is None


def test_what_a_model_cannot_use_is_dropped_with_its_reason() -> None:
    """Row numbers, constants and free text."""
    forms = [("id", Form.IDENTIFIER), ("same", Form.CONSTANT), ("note", Form.TEXT)]
    choices = _chosen(EVEN, *(_column(name, form) for name, form in forms), _column("x"))
    assert [one.value for one in choices.drop] == ["id", "same", "note"]
    assert all(one.why for one in choices.drop)


def test_a_rare_class_lowers_the_number_of_folds() -> None:
    """Stratified folds need a row of each class; a class of one row forbids them."""
    assert _chosen(_target(("a", 297), ("b", 3)), _column("x")).folds.value == "{stratified: 3}"
    assert _chosen(_target(("a", 299), ("b", 1)), _column("x")).folds.value == "{kfold: 5}"


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ((_target(("a", 1), ("b", 2), missing=0.5), _column("x")), "no value in 150 of 300 rows"),
        ((EVEN, _column("id", Form.IDENTIFIER)), "no column is left"),
    ],
)
def test_data_that_cannot_be_learned_is_refused_in_words(facts: tuple[ColumnFacts, ...], words: str) -> None:
    """Better no file than one that does not run."""
    with pytest.raises(DataError, match=words):
        _chosen(*facts)


@pytest.mark.parametrize("target", [EVEN, UNEVEN, NUMBER])
@pytest.mark.parametrize("rows", [300, 5_000])
@pytest.mark.parametrize(
    "columns",
    [
        (_column("x"),),
        (_column("x", missing=0.1),),
        (_column("c", Form.CATEGORICAL, missing=0.1),),
        (_column("x", missing=0.1), _column("c", Form.CATEGORICAL), _column("b", Form.BOOLEAN)),
        (_column("x"), _column("g", Form.CATEGORICAL, group="g"), _column("id", Form.IDENTIFIER)),
        (_column("x"), _column("t", Form.DATETIME, time="t")),
    ],
)
def test_the_text_is_a_valid_study_file(target: ColumnFacts, rows: int, columns: tuple[ColumnFacts, ...]) -> None:
    """Whatever the columns: it can be read, and every choice has its reason beside it."""
    text = _written(target, *columns, rows=rows)
    study = read_study(text, source="study.yaml").study
    assert study.data.target == "y"
    assert "tenfold run study.yaml" in text


def test_an_array_of_numbers_has_no_column_transformer() -> None:
    """It has no columns of several kinds."""
    assert "prepare:" not in _written(EVEN, _column("x0"), table=False)


@pytest.mark.parametrize(
    "name", ["a: b", "#1", "null", "1.0", "ünï", "- x", 'say "hi"', "yes", "{x}", " x", "x ", "a\nb"]
)
def test_any_column_name_survives_the_text(name: str) -> None:
    """Names that YAML would read as something else are put in quotes; comments stay on their line."""
    text = _written(_target(("a", 150), ("b", 150)), _column(name, group="g"), _column("x"))
    assert read_study(text, source="s").study.data.groups == name


@pytest.mark.parametrize(
    ("text", "written"),
    [("patient", "patient"), ("data/x.csv", "data/x.csv"), ("sklearn:wine", "sklearn:wine"), ("a: b", '"a: b"')],
)
def test_plain_text_stays_plain(text: str, written: str) -> None:
    """Quotes only where they are needed."""
    assert scalar(text) == written


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("data/My table (2).csv", "My-table-2"),
        ("sklearn:wine", "wine"),
        ("s3://b/x.parquet", "x"),
        ("---.csv", "study"),
    ],
)
def test_a_studys_name_comes_from_its_data(source: str, name: str) -> None:
    """Without what a name may not have."""
    assert study_name(source) == name


def test_the_first_study_is_valid() -> None:
    """What ``tenfold init`` writes without data can be read and names its own file."""
    study = read_study(first_study("mine.yaml"), source="mine.yaml").study
    assert study.data.source == "sklearn:digits"
    assert "tenfold run mine.yaml" in first_study("mine.yaml")


class TestCommand:
    """``tenfold init`` itself."""

    @pytest.fixture(autouse=True)
    def folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """An empty folder to work in."""
        monkeypatch.chdir(tmp_path)
        return tmp_path

    def test_it_writes_the_first_study(self, folder: Path) -> None:
        """Without data it writes the digits."""
        assert CliRunner().invoke(init, [], catch_exceptions=False).exit_code == 0
        assert (folder / "study.yaml").read_text() == first_study("study.yaml")

    def test_it_overwrites_only_by_force(self, folder: Path) -> None:
        """Somebody's study file is worth more than a starter."""
        (folder / "study.yaml").write_text("mine")
        with pytest.raises(MisuseError, match="--force"):
            CliRunner().invoke(init, [], catch_exceptions=False)
        assert (folder / "study.yaml").read_text() == "mine"
        assert CliRunner().invoke(init, ["--force"], catch_exceptions=False).exit_code == 0

    def test_the_data_is_named_as_seen_from_the_study_file(self, folder: Path) -> None:
        """The file can lie elsewhere and still find its data."""
        (folder / "data").mkdir()
        (folder / "studies").mkdir()
        rows = [f"{number},{number % 7},{'ab'[number % 2]}" for number in range(60)]
        (folder / "data" / "t.csv").write_text("\n".join(["id,x,y", *rows]))
        arguments = ["--data", "data/t.csv", "--target", "y", "-o", "studies/s.yaml"]
        assert CliRunner().invoke(init, arguments, catch_exceptions=False).exit_code == 0
        study = read_study((folder / "studies" / "s.yaml").read_text(), source="s").study
        assert study.data.source == "../data/t.csv"
        assert study.data.drop == ("id",)

    def test_a_missing_target_lists_the_columns(self, folder: Path) -> None:
        """Data without a target is half a question."""
        (folder / "t.csv").write_text("a,b\n1,2\n3,4\n")
        with pytest.raises(MisuseError, match=r"--target.*a, b"):
            CliRunner().invoke(init, ["--data", "t.csv"], catch_exceptions=False)

    def test_a_target_needs_data(self) -> None:
        """The other half alone makes no sense either."""
        with pytest.raises(MisuseError, match="--data"):
            CliRunner().invoke(init, ["--target", "y"], catch_exceptions=False)
