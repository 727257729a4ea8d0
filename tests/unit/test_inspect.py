"""Whatever is wrong with a study and its data is found before anything is queued, all at once, with its line."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any  # study files are JSON data

import numpy as np
import pandas as pd
import pytest

from tenfold_common.artifacts.store import MemoryArtifacts
from tenfold_common.data.sources import open_stored
from tenfold_common.domain.spec import EvaluationSpec
from tenfold_common.domain.splitters import SplitterKind
from tenfold_common.domain.study_file import ReadStudy, read_study
from tenfold_common.domain.words import Direction
from tenfold_common.errors import StudyFileError
from tenfold_common.modelling.fold_rows import splits_from_path
from tenfold_common.modelling.inspect import Inspection, inspect_study, store_inspection
from tenfold_common.modelling.scoring import Task
from tenfold_common.provenance.code import unpack_code

ROWS = 60
TREE = "sklearn.tree.DecisionTreeClassifier"
SPACE = "{max_depth: {int: [1, 5]}}"


def patients() -> pd.DataFrame:
    """A table with every kind of column."""
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "age": rng.normal(40, 10, ROWS).round(1),
            "weight": np.where(np.arange(ROWS) % 9 == 0, np.nan, rng.normal(70, 9, ROWS).round(1)),
            "colour": rng.choice(["red", "green", "blue"], ROWS),
            "site": np.repeat(np.arange(12), 5),
            "day": pd.date_range("2024-01-01", periods=ROWS).strftime("%Y-%m-%d"),
            "fold": np.tile([0, 1, 2], 20),
            "sick": np.tile(["no", "yes"], 30),
            "dose": rng.normal(size=ROWS),
            "gaps": [None if row == 7 else "x" for row in range(ROWS)],
            "same": 1,
        }
    )


def study(
    *,
    source: str = "patients.csv",
    target: str | None = "sick",
    data: str = "drop: [colour, weight, day, gaps]",
    model: str = f"estimator: {TREE}",
    space: str = SPACE,
    more: str = "",
) -> str:
    """The text of a study file."""
    about = f"\n  target: {target}" if target else ""
    return (
        f"name: test\nseed: 3\ndata:\n  source: {source}{about}\n  {data}\nmodel:\n  {model}\n"
        f"search:\n  strategy: random\n  space: {space}\nstopping: {{trials: 5}}\n{more}\n"
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with ``patients.csv``."""
    patients().to_csv(tmp_path / "patients.csv", index=False)
    return tmp_path


def read(text: str) -> ReadStudy:
    """The study file."""
    return read_study(text, source="study.yaml")


def inspected(folder: Path, text: str) -> Inspection:
    """What is found out about a study that is all right."""
    return inspect_study(read(text), base=folder)


def problems(folder: Path, text: str) -> dict[str, str]:
    """What is wrong with a study, by key."""
    with pytest.raises(StudyFileError) as caught:
        inspect_study(read(text), base=folder)
    assert all(problem.line is not None for problem in caught.value.problems)
    return {problem.key: problem.message for problem in caught.value.problems}


class TestFindings:
    """What is found out about a study."""

    def test_a_sound_study_is_described(self, folder: Path) -> None:
        """Shape, task, balance, folds, metric: what the plan shows."""
        found = inspected(folder, study())
        assert (found.rows, found.features, found.n_folds) == (ROWS, 5, 5)
        assert (found.task, found.metrics, found.direction) == (
            Task.CLASSIFICATION,
            ("accuracy",),
            Direction.MAXIMIZE,
        )
        assert found.class_counts == {"no": 30, "yes": 30}
        assert (found.target, found.drop) == ("sick", ("colour", "weight", "day", "gaps"))
        assert found.grid_size is None
        assert found.warnings == ()

    @pytest.mark.parametrize(
        ("target", "model", "data", "kind", "metric"),
        [
            ("sick", TREE, "", SplitterKind.STRATIFIED, "accuracy"),
            ("dose", "sklearn.tree.DecisionTreeRegressor", "", SplitterKind.KFOLD, "r2"),
            ("sick", TREE, "groups: site", SplitterKind.STRATIFIED_GROUP, "accuracy"),
            ("dose", "sklearn.tree.DecisionTreeRegressor", "groups: site", SplitterKind.GROUP, "r2"),
            ("dose", "sklearn.tree.DecisionTreeRegressor", "time: day", SplitterKind.TIME_SERIES, "r2"),
            ("dose", "sklearn.tree.DecisionTreeRegressor", "ordered: true", SplitterKind.TIME_SERIES, "r2"),
        ],
    )
    def test_what_is_left_out_is_chosen_to_suit(
        self, folder: Path, target: str, model: str, data: str, kind: SplitterKind, metric: str
    ) -> None:
        """Folds and metric follow from the model and the roles of columns."""
        other = {"sick": "dose", "dose": "sick"}[target]
        drop = [name for name in ("colour", "weight", "day", "gaps", other) if name not in data]
        text = study(target=target, model=f"estimator: {model}", data=f"drop: [{', '.join(drop)}]\n  {data}")
        found = inspected(folder, text)
        assert (found.splitter.kind, found.metrics, found.n_folds) == (kind, (metric,), 5)

    def test_groups_time_and_fold_columns_are_no_features(self, folder: Path) -> None:
        """The model would learn what it is not meant to know."""
        text = study(data="drop: [colour, weight, day, gaps]", more="evaluation: {folds: {predefined: fold}}")
        found = inspected(folder, text)
        assert "fold" in found.drop
        assert found.n_folds == 3

    def test_a_grid_is_counted(self, folder: Path) -> None:
        """Before anybody waits for it."""
        assert inspected(folder, study().replace("random", "grid")).grid_size == 5

    def test_the_target_may_be_left_out_where_the_source_has_one(self, tmp_path: Path) -> None:
        """As scikit-learn's data sets have."""
        found = inspected(tmp_path, study(source="sklearn:iris", target=None, data=""))
        assert (found.target, found.rows, found.features) == ("target", 150, 4)

    def test_the_same_study_gives_the_same_artifacts(self, folder: Path) -> None:
        """Addresses depend on content alone."""
        stored = []
        for _ in range(2):
            artifacts = MemoryArtifacts()
            stored.append(store_inspection(read(study()), inspected(folder, study()), artifacts, base=folder))
            artifacts.close()
        assert stored[0] == stored[1]

    def test_artifacts_are_what_a_worker_needs(self, folder: Path) -> None:
        """Spec, data, folds and code, each by its hash."""
        (folder / "mine.py").write_text(
            "from sklearn.tree import DecisionTreeClassifier\n"
            "class Mine(DecisionTreeClassifier):\n    pass\n"
            "def right(y_true, y_pred):\n    return float((y_true == y_pred).mean())\n"
        )
        more = "code: .\nevaluation: {metrics: ['python:mine:right', accuracy]}\nexecution: {fold_timeout: 10s}"
        text = study(model="estimator: mine.Mine", more=more)
        artifacts = MemoryArtifacts()
        stored = store_inspection(read(text), inspected(folder, text), artifacts, base=folder)
        spec = EvaluationSpec.from_bytes(artifacts.local(stored.spec_hash).read_bytes())
        assert spec == stored.spec
        assert (spec.metrics, spec.target, spec.fold_timeout_s) == (("python:mine:right", "accuracy"), "sick", 10.0)
        assert open_stored(artifacts, spec.data_hash).rows == ROWS
        assert len(splits_from_path(artifacts.local(spec.splits_hash))) == spec.folds == 5
        assert spec.code_hash is not None
        assert (unpack_code(artifacts.local(spec.code_hash), cache=folder / "cache") / "mine.py").is_file()
        artifacts.close()

    def test_the_dry_run_can_be_left_out(self, folder: Path) -> None:
        """Then the model is built, but nothing is fitted."""
        text = study(data="drop: [weight, day, gaps]")
        assert inspect_study(read(text), base=folder, dry_run=False).features == 6

    def test_nothing_of_the_users_is_printed_to_standard_output(
        self, folder: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """It belongs to the command's own result."""
        (folder / "loud.py").write_text(
            "from sklearn.tree import DecisionTreeClassifier\nprint('imported')\n"
            "class Loud(DecisionTreeClassifier):\n"
            "    def fit(self, X, y):\n        print('fitted')\n        return super().fit(X, y)\n"
        )
        inspected(folder, study(model="estimator: loud.Loud", more="code: ."))
        said = capsys.readouterr()
        assert said.out == ""
        assert "imported" in said.err
        assert "fitted" in said.err


class TestProblems:
    """What is wrong with a study."""

    CASES: Mapping[str, tuple[Mapping[str, Any], str, str]] = {
        "missing file": ({"source": "patience.csv"}, "data.source", "patience.csv"),
        "wrong target": ({"target": "sik"}, "data.target", "did you mean 'sick'?"),
        "target with gaps": ({"target": "gaps", "data": "drop: [colour]"}, "data.target", "no value in 1 of 60 rows"),
        "constant target": ({"target": "same"}, "data.target", "only one class, 1"),
        "text for a regressor": (
            {"model": "estimator: sklearn.tree.DecisionTreeRegressor"},
            "data.target",
            "use a classifier",
        ),
        "numbers for a classifier": ({"target": "dose"}, "data.target", "use a regressor"),
        "wrong drop": ({"data": "drop: [color, weight, day, gaps]"}, "data.drop[0]", "did you mean 'colour'?"),
        "wrong groups": ({"data": "groups: sites"}, "data.groups", "did you mean 'site'?"),
        "groups with gaps": ({"data": "groups: weight"}, "data.groups", "no value in 7 of 60 rows"),
        "time that is text": ({"data": "time: colour"}, "data.time", "is not a time"),
        "wrong fold column": (
            {"more": "evaluation: {folds: {predefined: folds}}"},
            "evaluation.folds",
            "did you mean 'fold'?",
        ),
        "unknown metric": ({"more": "evaluation: {metrics: [acuracy]}"}, "evaluation.metrics[0]", "'accuracy'"),
        "metric of numbers": (
            {"more": "evaluation: {metrics: [accuracy, r2]}"},
            "evaluation.metrics[1]",
            "scores numbers",
        ),
        "more folds than rows": (
            {"more": "evaluation: {folds: {kfold: 61}}"},
            "evaluation.folds",
            "need at least 61 rows",
        ),
        "fewer groups than folds": (
            {"data": "groups: site\n  drop: [colour, day, gaps]", "more": "evaluation: {folds: {group: 13}}"},
            "evaluation.folds",
            "need at least 13 groups",
        ),
        "more folds than members": (
            {"more": "evaluation: {folds: {stratified: 31}}"},
            "evaluation.folds",
            "class 'no' has 30 rows",
        ),
        "unknown class": (
            {"model": "estimator: sklearn.tree.DecisionTreClassifier"},
            "model.estimator",
            "DecisionTreeClassifier",
        ),
        "unknown parameter": (
            {"space": "{max_deep: {int: [1, 5]}}"},
            "search.space.max_deep",
            "did you mean 'max_depth'?",
        ),
        "module beside the file": ({"model": "estimator: mine.Mine"}, "model.estimator", "add `code: .`"),
        "missing code": ({"more": "code: nowhere"}, "code", "is not a folder"),
        "text features": (
            {"data": "drop: [weight, day, gaps]"},
            "model",
            "the feature columns 'colour' hold text",
        ),
        "gaps in features": (
            {
                "data": "drop: [colour, day, gaps]",
                "model": "estimator: sklearn.linear_model.LogisticRegression",
                "space": "{C: {float: [1, 2]}}",
            },
            "model",
            "the feature columns 'weight' have missing values",
        ),
        "value that the model refuses": (
            {"space": "{min_samples_split: {int: [-9, -5]}}"},
            "search.space.min_samples_split",
            "the model refuses a value",
        ),
        "fixed value that the model refuses": (
            {"model": f"estimator: {{class: {TREE}, params: {{criterion: luck}}}}"},
            "model",
            "'criterion' parameter",
        ),
        "metric that needs more of the model": (
            {
                "model": "estimator: sklearn.svm.LinearSVC",
                "space": "{C: {float: [1, 2]}}",
                "more": "evaluation: {metrics: [neg_log_loss]}",
            },
            "evaluation.metrics[0]",
            "predict_proba",
        ),
    }

    @pytest.mark.parametrize("case", CASES)
    def test_it_is_told_at_its_key_with_the_way_out(self, folder: Path, case: str) -> None:
        """Value, rule, next step, and the line."""
        (folder / "mine.py").write_text("class Mine:\n    pass\n")
        changes, key, said = self.CASES[case]
        found = problems(folder, study(**changes))
        assert set(found) == {key}
        assert said in found[key]

    def test_all_problems_of_all_parts_are_told_at_once(self, folder: Path) -> None:
        """Nobody should have to run it six times."""
        text = study(
            target="sik",
            data="groups: sites",
            model="estimator: sklearn.tree.DecisionTreClassifier",
            more="code: nowhere\nevaluation: {metrics: [acuracy, python:nothing:at_all]}",
        )
        assert set(problems(folder, text)) == {
            "code",
            "data.target",
            "evaluation.metrics[0]",
            "evaluation.metrics[1]",
            "model.estimator",
        }

    def test_problems_of_data_and_space_come_together(self, folder: Path) -> None:
        """Folds, metrics and parameter names are judged in the same run."""
        text = study(space="{max_deep: {int: [1, 5]}}", more="evaluation: {folds: {kfold: 61}, metrics: [r2]}")
        assert set(problems(folder, text)) == {"search.space.max_deep", "evaluation.folds", "evaluation.metrics[0]"}

    def test_columns_of_a_column_transformer_must_exist(self, folder: Path) -> None:
        """And must not be what the model may not see."""
        model = (
            "pipeline:\n    - pick:\n        columns:\n          some:\n            select: [agee, colour]\n"
            f"            steps: [{{keep: passthrough}}]\n    - tree: {TREE}"
        )
        found = problems(folder, study(model=model, space="{tree.max_depth: {int: [1, 5]}}"))
        assert set(found) == {
            "model.pipeline[0].pick.columns.some.select[0]",
            "model.pipeline[0].pick.columns.some.select[1]",
        }
        assert "did you mean 'age'?" in found["model.pipeline[0].pick.columns.some.select[0]"]

    def test_an_array_has_no_columns_to_select(self, folder: Path) -> None:
        """Digits are pixels."""
        model = (
            "pipeline:\n    - pick:\n        columns:\n          some:\n            select: numeric\n"
            f"            steps: [{{keep: passthrough}}]\n    - tree: {TREE}"
        )
        text = study(
            source="sklearn:iris", target="target", data="", model=model, space="{tree.max_depth: {int: [1, 5]}}"
        )
        assert set(problems(folder, text)) == {"model.pipeline[0].pick.columns"}

    def test_a_parameter_that_depends_on_a_choice_of_class_is_judged_there(self, folder: Path) -> None:
        """`when:` says for which class the name is meant."""
        bayes = "{class: sklearn.naive_bayes.GaussianNB}"
        space = (
            f"\n    tree: {{choice: [{{class: {TREE}}}, {bayes}]}}"
            f"\n    tree.max_depth: {{int: [1, 5], when: {{tree: [{{class: {TREE}}}]}}}}"
            f"\n    tree.var_smoothin: {{float: [0.1, 1], when: {{tree: [{bayes}]}}}}"
        )
        found = problems(folder, study(model=f"pipeline: [{{tree: {TREE}}}]", space=space))
        assert set(found) == {"search.space.tree.var_smoothin"}
        assert "did you mean 'tree.var_smoothing'?" in found["search.space.tree.var_smoothin"]


class TestWarnings:
    """What is told though the study can be run."""

    def test_a_model_that_fails_on_a_sample_is_a_warning(self, folder: Path) -> None:
        """On all rows, or elsewhere in the space, it may do."""
        (folder / "moody.py").write_text(
            "from sklearn.tree import DecisionTreeClassifier\n"
            "class Moody(DecisionTreeClassifier):\n"
            "    def fit(self, X, y):\n        raise RuntimeError('not today')\n"
        )
        (said,) = inspected(folder, study(model="estimator: moody.Moody", more="code: .")).warnings
        assert "failed on a sample of 60 rows with {'max_depth': 3}: RuntimeError: not today" in said

    def test_what_a_choice_could_cure_is_a_warning(self, folder: Path) -> None:
        """A metric that needs probabilities, where the space switches them on and off."""
        text = study(
            model="estimator: sklearn.linear_model.SGDClassifier",
            space="{loss: {choice: [log_loss, hinge, perceptron]}}",
            more="evaluation: {metrics: [neg_log_loss]}",
        )
        (said,) = inspected(folder, text).warnings
        assert "'neg_log_loss' cannot score this model" in said

    def test_uneven_classes_are_told_with_what_guessing_scores(self, tmp_path: Path) -> None:
        """Accuracy flatters there."""
        table = pd.DataFrame({"x": np.arange(100.0), "y": ["no"] * 90 + ["yes"] * 10})
        table.to_csv(tmp_path / "patients.csv", index=False)
        (said,) = inspected(tmp_path, study(target="y", data="")).warnings
        assert "90% of the rows are of the class 'no'" in said
        assert (
            inspected(tmp_path, study(target="y", data="", more="evaluation: {metrics: [f1_macro]}")).warnings == ()
        )

    def test_copied_rows_are_told(self, tmp_path: Path) -> None:
        """They would be on both sides of a fold."""
        table = pd.DataFrame({"x": np.tile(np.arange(50.0), 2), "y": np.tile(["a", "b"], 50)})
        table.to_csv(tmp_path / "patients.csv", index=False)
        (said,) = inspected(tmp_path, study(target="y", data="")).warnings
        assert said.startswith("50 of 100 rows have the same features as another row")

    def test_folds_that_never_see_a_class_are_told(self, tmp_path: Path) -> None:
        """Sorted data, unshuffled folds."""
        table = pd.DataFrame({"x": np.arange(30.0), "y": np.repeat(["a", "b", "c"], 10)})
        table.to_csv(tmp_path / "patients.csv", index=False)
        more = "evaluation: {folds: {kfold: 3, shuffle: false}}"
        (said,) = inspected(tmp_path, study(target="y", data="", more=more)).warnings
        assert "fold 0 trains on no row of the class 'a'" in said

    def test_very_many_folds_are_told(self, tmp_path: Path) -> None:
        """Leave-one-out on more than a few rows."""
        table = pd.DataFrame({"x": np.arange(120.0), "y": np.tile(["a", "b"], 60)})
        table.to_csv(tmp_path / "patients.csv", index=False)
        more = "evaluation: {folds: leave-one-out}"
        (said,) = inspected(tmp_path, study(target="y", data="", more=more)).warnings
        assert "fits the model 120 times" in said
