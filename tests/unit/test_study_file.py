"""The study file: what good files mean, that documents come back equal, that schema and docs agree with the models."""

# ruff: noqa: E501  # tables of notation and meaning are read line by line

import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tenfold.report.study_file_reference import EXAMPLE, TABLE_EXAMPLE, reference_markdown
from tenfold_common.domain.distributions import FloatRange, IntRange, Normal, Options
from tenfold_common.domain.model_notation import Columns, Estimator
from tenfold_common.domain.notation import parse_text
from tenfold_common.domain.splitters import NOTATIONS, Splitter, SplitterKind
from tenfold_common.domain.stopping import Plateau, StoppingRules
from tenfold_common.domain.study_file import ReadStudy, StudyFile, json_schema, read_document, read_study
from tenfold_common.domain.study_sections import STRATEGIES
from tenfold_common.errors import StudyFileError
from tests.unit.test_study_file_mistakes import GOOD, MISTAKES

ROOT = Path(__file__).parents[2]
SMALL = """\
name: small
data: {source: "sklearn:wine"}
model: {estimator: sklearn.svm.SVC}
search: {space: {C: {float: [1, 2]}}}
stopping: {trials: 5}
"""


def small(**sections: str) -> str:
    """The small study with other sections, given as flow-style YAML."""
    lines = dict(line.split(": ", 1) for line in SMALL.splitlines())
    return "\n".join(f"{key}: {value}" for key, value in (lines | sections).items())


def read(text: str) -> StudyFile:
    """The study of a text."""
    return read_study(text, source="study.yaml").study


def test_the_example_means_what_it_says() -> None:
    """Space, starting points, stopping rules, splitter and durations arrive as the domain's own types."""
    study = read(EXAMPLE)
    space = study.space()
    assert space.names == ("svc.C", "svc.gamma", "svc.kernel", "svc.degree")
    assert space["svc.C"].distribution == FloatRange(low=0.001, high=1000, log=True)
    assert space["svc.kernel"].distribution == Options(values=("rbf", "poly"))
    assert space["svc.degree"].distribution == IntRange(low=2, high=5)
    assert space["svc.degree"].when == {"svc.kernel": ("poly",)}
    assert [constraint.text for constraint in space.constraints] == ["svc.C * svc.gamma < 1000"]
    assert study.start_points() == ({"svc.C": 1.0, "svc.gamma": 0.01, "svc.kernel": "rbf"},)
    assert study.stopping_rules() == StoppingRules(
        trials=60, time_s=3600.0, target=0.995, plateau=Plateau(trials=20, min_delta=0.0001)
    )
    assert study.splitter == Splitter(kind=SplitterKind.STRATIFIED, n_splits=5, shuffle=True)
    assert study.fold_timeout_s == 600.0
    assert study.time_limit_s == 3600.0
    assert study.evaluation.metrics == ("accuracy", "f1_macro")


def test_a_pipeline_may_hold_column_transformers_and_nested_estimators() -> None:
    """Steps keep their order; a bare path is an estimator without parameters."""
    study = read(TABLE_EXAMPLE)
    assert study.model.pipeline is not None
    prepare, boost = study.model.pipeline
    assert prepare.name == "prepare"
    assert isinstance(prepare.content, Columns)
    numbers, words = prepare.content.columns.values()
    assert numbers.select == "numeric"
    assert [step.name for step in numbers.steps] == ["fill", "scale"]
    assert numbers.steps[1].content == Estimator.model_validate("sklearn.preprocessing.StandardScaler")
    assert words.select == ("ward", "diagnosis")
    assert isinstance(boost.content, Estimator)
    assert boost.content.params["estimator"] == {
        "class": "sklearn.tree.DecisionTreeClassifier",
        "params": {"max_depth": 2},
    }


def test_everything_that_may_be_left_out_has_its_documented_default() -> None:
    """A study needs a name, data, a model, a space and a bound; the rest is filled in and recorded."""
    study = read(SMALL)
    assert study.seed == 0
    assert study.search.strategy == "bayesian"
    assert study.splitter is None
    assert study.evaluation.metrics is None
    assert study.execution.lag == "auto"
    assert study.execution.order == "strict"
    assert study.execution.attempts == 3
    assert study.environment == "record"
    assert study.fold_timeout_s is None


def test_a_grid_needs_no_bound() -> None:
    """It ends by itself."""
    text = small(search="{strategy: grid, space: {C: {float: [1, 2], points: 3}}}", stopping="{}")
    assert read(text).stopping_rules() == StoppingRules()


@pytest.mark.parametrize(
    ("notation", "distribution", "points"),
    [
        ("{float: [0, 1]}", FloatRange(low=0, high=1), None),
        ("{float: [1e-3, 10], log: true, points: 4}", FloatRange(low=0.001, high=10, log=True), 4),
        ("{float: [0, 1], step: 0.25}", FloatRange(low=0, high=1, step=0.25), None),
        ("{int: [1, 1e3], log: true}", IntRange(low=1, high=1000, log=True), None),
        ("{int: [0, 10], step: 5}", IntRange(low=0, high=10, step=5), None),
        ("{normal: [0, 2], points: 3}", Normal(mu=0, sigma=2), 3),
        ("{lognormal: [0, 0.5]}", Normal(mu=0, sigma=0.5, log=True), None),
        ("{choice: [null, 1, on, [50, 50], {class: a.B}]}", Options(values=(None, 1, "on", [50, 50], {"class": "a.B"})), None),
        ("{ordinal: [low, high]}", Options(values=("low", "high"), ordered=True), None),
    ],
)  # fmt: skip
def test_each_kind_of_parameter_becomes_its_distribution(
    notation: str, distribution: object, points: int | None
) -> None:
    """All the notation of ARCHITECTURE.md; 1e3 is a whole number where one is wanted, and ``on`` is text."""
    parameter = read(small(search=f"{{space: {{C: {notation}}}}}")).space()["C"]
    assert parameter.distribution == distribution
    assert parameter.points == points


@pytest.mark.parametrize(
    ("notation", "splitter"),
    [
        ("kfold", Splitter(kind=SplitterKind.KFOLD, n_splits=5, shuffle=True)),
        ("{kfold: 3, shuffle: false}", Splitter(kind=SplitterKind.KFOLD, n_splits=3)),
        ("{stratified: {folds: 4}}", Splitter(kind=SplitterKind.STRATIFIED, n_splits=4, shuffle=True)),
        ("{repeated-kfold: 5, repeats: 2}", Splitter(kind=SplitterKind.REPEATED_KFOLD, n_splits=5, repeats=2, shuffle=True)),
        ("{repeated-stratified: {folds: 5, repeats: 3}}", Splitter(kind=SplitterKind.REPEATED_STRATIFIED, n_splits=5, repeats=3, shuffle=True)),
        ("leave-one-out", Splitter(kind=SplitterKind.LEAVE_ONE_OUT)),
        ("{leave-one-out: {}}", Splitter(kind=SplitterKind.LEAVE_ONE_OUT)),
        ("{shuffle-split: {folds: 8, test_size: 0.1}}", Splitter(kind=SplitterKind.SHUFFLE_SPLIT, n_splits=8, test_fraction=0.1, shuffle=True)),
        ("{predefined: part}", Splitter(kind=SplitterKind.PREDEFINED, column="part")),
        ("{holdout: 0.25}", Splitter(kind=SplitterKind.HOLDOUT, n_splits=1, test_fraction=0.25, shuffle=True)),
    ],
)  # fmt: skip
def test_each_kind_of_folds_becomes_its_splitter(notation: str, splitter: Splitter) -> None:
    """Options may stand beside the kind or inside it; a kind that needs nothing may be one word."""
    assert read(small(evaluation=f"{{folds: {notation}}}")).splitter == splitter


@pytest.mark.parametrize(
    ("data", "notation", "splitter"),
    [
        ("groups: site", "{group: 4}", Splitter(kind=SplitterKind.GROUP, n_splits=4)),
        ("groups: site", "stratified-group", Splitter(kind=SplitterKind.STRATIFIED_GROUP, n_splits=5)),
        ("groups: site", "{leave-p-groups-out: 2}", Splitter(kind=SplitterKind.LEAVE_P_GROUPS_OUT, leave_out_groups=2)),
        ("time: day", "{time-series: 4, gap: 2}", Splitter(kind=SplitterKind.TIME_SERIES, n_splits=4, gap=2)),
        ("ordered: true", "{time-series: {folds: 4, max_train_rows: 99, test_rows: 9}}", Splitter(kind=SplitterKind.TIME_SERIES, n_splits=4, max_train_rows=99, test_rows=9)),
    ],
)  # fmt: skip
def test_splitters_that_protect_are_allowed_where_the_data_says_what(
    data: str, notation: str, splitter: Splitter
) -> None:
    """Group kinds with a group column, time series with a time column or rows in time order; none is shuffled."""
    text = small(data=f"{{source: rows.npz, {data}}}", evaluation=f"{{folds: {notation}}}")
    assert read(text).splitter == splitter


@pytest.mark.parametrize(
    ("written", "seconds"), [("90s", 90), ("10m", 600), ("1h30m", 5400), ("2d", 172_800), ("1.5h", 5400), ("45", 45)]
)
def test_durations_are_seconds(written: str, seconds: float) -> None:
    """Units d, h, m, s, or a bare number of seconds."""
    assert read(small(stopping=f"{{time: {written}}}")).time_limit_s == seconds


def test_starting_points_are_given_the_type_and_the_order_of_the_space() -> None:
    """A whole number for a float range becomes a float, as the strategy's own suggestions would have it."""
    search = "{space: {b: {float: [0, 9]}, a: {int: [0, 9]}}, start: [{a: 3, b: 4}]}"
    (point,) = read(small(search=search)).start_points()
    assert list(point.items()) == [("b", 4.0), ("a", 3)]
    assert isinstance(point["b"], float)


def test_a_step_may_be_searched_as_a_whole() -> None:
    """Its name alone is a parameter: estimators and ``passthrough`` to choose from."""
    text = GOOD.replace(
        "svc.kernel: {choice", "scale: {choice: [passthrough, {class: a.B}]}\n    svc.kernel: {choice"
    )
    text = text.replace("svc.kernel: rbf}]", "svc.kernel: rbf, scale: passthrough}]")
    assert read(text).space()["scale"].distribution.size == 2


@pytest.mark.parametrize("text", [GOOD, SMALL, EXAMPLE, TABLE_EXAMPLE])
def test_a_stored_document_gives_the_same_study(text: str) -> None:
    """Every default is filled in, and reading the document (as JSON text, too) loses nothing."""
    study = read(text)
    document = study.document()
    again = read_document(json.loads(json.dumps(document, allow_nan=False)))
    assert again == study
    assert again.document() == document
    assert read_study(json.dumps(document, indent="\t"), source="study.json").study == study
    assert StudyFile.model_validate(document) == study


@pytest.mark.parametrize("kind", NOTATIONS)
def test_every_splitter_survives_the_document(kind: str) -> None:
    """What is stored of folds is one of the spellings that may be written."""
    data = {"groups": "groups: g", "time-series": "ordered: true"}
    said = (
        data["time-series"]
        if kind == "time-series"
        else data["groups"]
        if SplitterKind(kind).keeps_groups
        else "seed: 1"
    )
    value = {"leave-p-groups-out": "1", "predefined": "part", "holdout": "0.5"}.get(kind)
    folds = kind if value is None else f"{{{kind}: {value}}}"
    source = f"{{source: rows.npz, {said}}}" if said != "seed: 1" else "{source: rows.npz}"
    study = read(small(data=source, evaluation=f"{{folds: {folds}}}"))
    assert read_document(study.document()) == study


def test_a_document_that_this_version_cannot_read_is_refused() -> None:
    """A study of another version is never half understood."""
    document = read(SMALL).document() | {"novelty": True}
    with pytest.raises(StudyFileError, match="novelty: unknown key"):
        read_document(document)


def test_a_study_cannot_be_changed() -> None:
    """It is a fact."""
    with pytest.raises(ValueError, match="frozen"):
        read(SMALL).seed = 3


def test_later_problems_find_their_line() -> None:
    """Checks that need data or classes report keys; the nearest key that the file has gives the line."""
    found = read_study(GOOD, source="study.yaml")
    assert isinstance(found, ReadStudy)
    lines = {
        key: found.problem(key, "said").line
        for key in ("model.pipeline[1].svc.params.cache_size", "model.pipeline.0.scale", "data.target", "search.space.svc.C",
                    "evaluation.metrics.0", "select.rule", "")
    }  # fmt: skip
    assert list(lines.values()) == [8, 7, 3, 12, 19, None, None]
    assert found.problem("data.target", "said").message == "said"


def test_json_and_yaml_are_the_same_study() -> None:
    """JSON, also with tabs and escapes, is read by the same rules and with lines."""
    study = read(EXAMPLE)
    text = json.dumps(parse_text(EXAMPLE, source="f").data, indent="\t")
    found = read_study(text, source="study.json")
    assert found.study == study
    assert found.positions["seed"] == 3


@cache
def validator() -> Any:  # Any: jsonschema's validators are built at run time
    """The published schema, ready to judge."""
    return jsonschema.Draft202012Validator(json_schema())


def schema_errors(data: object) -> list[Any]:  # Any: jsonschema's errors
    """What the published schema has against a document."""
    return list(validator().iter_errors(data))


def test_the_schema_is_a_schema() -> None:
    """It is valid draft 2020-12 and JSON through and through."""
    jsonschema.Draft202012Validator.check_schema(json_schema())
    assert json.loads(json.dumps(json_schema())) == json_schema()


@pytest.mark.parametrize("text", [GOOD, SMALL, EXAMPLE, TABLE_EXAMPLE])
def test_the_schema_accepts_good_files_and_their_documents(text: str) -> None:
    """Short notation and full notation alike."""
    assert schema_errors(parse_text(text, source="f").data) == []
    assert schema_errors(read(text).document()) == []


@pytest.mark.parametrize("folds", [
    "stratified", "leave-one-out", "{kfold: 5}", "{kfold: 5, shuffle: false}", "{kfold: {folds: 5}}", "{leave-one-out: {}}",
    "{holdout: 0.2}", "{holdout: {test_size: 0.2}}", "{time-series: 5, gap: 3}", "{predefined: part}",
])  # fmt: skip
def test_the_schema_accepts_every_spelling_of_folds(folds: str) -> None:
    """One word, options beside, options inside."""
    assert schema_errors(parse_text(small(evaluation=f"{{folds: {folds}}}"), source="f").data) == []


# What a schema cannot know: rules between keys, dates of features, names that must refer to something.
BEYOND_A_SCHEMA = (
    "must be below", "must start above", "not built yet", "no parameter", "already", "twice", "on both sides", "needs data.groups",
    "needs the order", "nothing bounds", "no step", "which step", "depend", "not a value of", "is missing;", "missing",
    "violates", "not one of", "not an expression", "not allowed in a constraint", "there is no strategy", "natural grid",
    "has both `pipeline`", "params.estimator", "two steps", "last step", "joined by a dot",
)  # fmt: skip


@pytest.mark.parametrize(("good", "bad", "messages"), MISTAKES)
def test_the_schema_refuses_whatever_is_wrong_in_form(good: str, bad: str, messages: list[str]) -> None:
    """Editors mark every mistake of form; what needs more than one key, ``tenfold check`` tells."""
    if any(words in message for words in BEYOND_A_SCHEMA for message in messages):
        return
    assert schema_errors(parse_text(GOOD.replace(good, bad, 1), source="f").data) != []


def test_the_schema_describes_every_key_and_names_the_strategies() -> None:
    """Editors show what a key means; strategies stay open for plug-ins."""
    schema = json_schema()
    definitions = schema["$defs"]
    keys = [key for section in [schema, *definitions.values()] for key in section.get("properties", {}).values()]
    assert len(keys) > 60
    assert all(
        "description" in (definitions[key["$ref"].rpartition("/")[2]] if "$ref" in key else key) for key in keys
    )
    assert definitions["Search"]["properties"]["strategy"]["examples"] == list(STRATEGIES)


def test_the_reference_in_docs_is_the_one_the_models_write() -> None:
    """Run ``python -m tenfold.report.study_file_reference > docs/study-file.md`` after changing a description."""
    assert (ROOT / "docs" / "study-file.md").read_text() == reference_markdown()


@pytest.mark.parametrize("path", sorted((ROOT / "examples").rglob("*.yaml")), ids=lambda path: path.name)
def test_every_example_is_a_good_study_file(path: Path) -> None:
    """By our rules and by the schema's."""
    text = path.read_text()
    read_study(text, source=path.name)
    assert schema_errors(parse_text(text, source=path.name).data) == []
