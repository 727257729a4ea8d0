"""A study file's model section becomes an estimator, or an error that a person can act on."""

from pathlib import Path
from typing import Any  # estimators ship no types

import numpy as np
import pandas as pd
import pytest

from tenfold_common.domain.words import Json
from tenfold_common.errors import MisuseError
from tenfold_common.modelling.estimators import (
    build_estimator,
    model_problems,
    parameter_names,
    point_problems,
    set_random_states,
)
from tenfold_common.modelling.loading import importing_from, load

SVC_PIPELINE: dict[str, Json] = {
    "pipeline": [
        {"scale": "sklearn.preprocessing.StandardScaler"},
        {"svc": {"class": "sklearn.svm.SVC", "params": {"cache_size": 50}}},
    ]
}
TABLE: dict[str, Json] = {
    "pipeline": [
        {
            "prepare": {
                "columns": {
                    "numeric": {"select": "numeric", "steps": [{"impute": "sklearn.impute.SimpleImputer"}]},
                    "text": {
                        "select": "categorical",
                        "steps": [
                            {
                                "encode": {
                                    "class": "sklearn.preprocessing.OneHotEncoder",
                                    "params": {"handle_unknown": "ignore"},
                                }
                            }
                        ],
                    },
                },
                "remainder": "drop",
            }
        },
        {"model": {"class": "sklearn.linear_model.LogisticRegression", "params": {}}},
    ]
}


def single(path: str, **params: Json) -> dict[str, Json]:
    """A model section with one estimator."""
    return {"pipeline": None, "estimator": {"class": path, "params": params}}


def messages(model: dict[str, Json]) -> dict[str, str]:
    """Problems by key."""
    return {problem.key: problem.message for problem in model_problems(model)}


class TestBuilding:
    """A section becomes an estimator."""

    def test_pipeline_steps_keep_their_names_and_fixed_parameters(self) -> None:
        """`{class, params}` and bare class paths both become steps."""
        model = build_estimator(SVC_PIPELINE, {}, 0)
        assert [name for name, _ in model.steps] == ["scale", "svc"]
        assert model.named_steps["svc"].cache_size == 50

    def test_dotted_names_reach_into_steps(self) -> None:
        """`svc.C` sets the parameter C of the step svc."""
        model = build_estimator(SVC_PIPELINE, {"svc.C": 3.5, "svc.kernel": "poly"}, 0)
        assert (model.named_steps["svc"].C, model.named_steps["svc"].kernel) == (3.5, "poly")

    def test_plain_names_set_a_single_estimator(self) -> None:
        """With one estimator a parameter needs no step."""
        assert build_estimator(single("sklearn.svm.SVC"), {"C": 2.0}, 0).C == 2.0

    def test_names_reach_through_column_transformers(self) -> None:
        """`prepare.numeric.impute.strategy` sets a step inside a group of columns."""
        model = build_estimator(TABLE, {"prepare.numeric.impute.strategy": "median", "model.C": 0.5}, 0)
        transformers = {name: transformer for name, transformer, _ in model.named_steps["prepare"].transformers}
        assert transformers["numeric"].named_steps["impute"].strategy == "median"

    def test_column_groups_select_by_kind(self) -> None:
        """`numeric` takes numbers and true/false, `categorical` everything else but dates."""
        table = pd.DataFrame(
            {
                "age": [1.0, 2.0, np.nan, 4.0],
                "flag": [True, False, True, False],
                "colour": ["red", "blue", "red", "green"],
                "size": pd.Categorical(["s", "m", "s", "m"]),
                "day": pd.to_datetime(["2024-01-01", "2024-01-02", "2024-01-03", "2024-01-04"]),
            }
        )
        model = build_estimator(TABLE, {}, 0).fit(table, [0, 1, 0, 1])
        chosen = {name: list(columns) for name, _, columns in model.named_steps["prepare"].transformers_}
        assert (chosen["numeric"], chosen["text"]) == (["age", "flag"], ["colour", "size"])

    def test_column_groups_select_by_name(self) -> None:
        """A list names the columns."""
        model: dict[str, Json] = {
            "pipeline": [
                {"pick": {"columns": {"some": {"select": ["b"], "steps": [{"keep": "passthrough"}]}}}},
                {"tree": "sklearn.tree.DecisionTreeRegressor"},
            ]
        }
        fitted = build_estimator(model, {}, 0).fit(pd.DataFrame({"a": [1, 2], "b": [3, 4]}), [0.0, 1.0])
        assert fitted.named_steps["tree"].n_features_in_ == 1

    def test_an_object_in_a_parameter_is_built(self) -> None:
        """`{class, params}` as a value makes a nested estimator, whose parameters have dotted names too."""
        model = single(
            "sklearn.ensemble.BaggingClassifier",
            estimator={"class": "sklearn.tree.DecisionTreeClassifier", "params": {"max_depth": 3}},
        )
        assert build_estimator(model, {"estimator.min_samples_leaf": 4}, 0).estimator.get_params() == {
            **build_estimator(model, {}, 0).estimator.get_params(),
            "min_samples_leaf": 4,
        }

    def test_lists_of_named_estimators_are_what_voting_wants(self) -> None:
        """Both `{name: {class: ...}}` and `[name, {class: ...}]` make pairs."""
        tree: Json = {"class": "sklearn.tree.DecisionTreeClassifier"}
        model = single("sklearn.ensemble.VotingClassifier", estimators=[{"a": tree}, ["b", tree]])
        built = build_estimator(model, {"a.max_depth": 1, "b.max_depth": 2}, 0)
        assert [(name, estimator.max_depth) for name, estimator in built.estimators] == [("a", 1), ("b", 2)]
        built.fit([[0.0], [1.0]], [0, 1])

    def test_plain_mappings_and_lists_stay_plain(self) -> None:
        """Data in parameters is handed over as it is."""
        model = single("sklearn.linear_model.RidgeCV", alphas=[0.1, 1.0])
        assert build_estimator(model, {}, 0).alphas == [0.1, 1.0]
        weights = single("sklearn.svm.SVC", class_weight={"a": 2.0})
        assert build_estimator(weights, {}, 0).class_weight == {"a": 2.0}

    def test_a_python_path_as_value_is_the_object_itself(self) -> None:
        """Functions are handed over, not called."""
        model = single("sklearn.preprocessing.FunctionTransformer", func="python:numpy:log1p")
        assert build_estimator(model, {}, 0).func is np.log1p

    def test_a_choice_may_put_another_class_at_a_step(self) -> None:
        """The step's own parameters are then those of that class."""
        params: dict[str, Json] = {"svc": {"class": "sklearn.linear_model.RidgeClassifier"}, "svc.alpha": 7.0}
        assert build_estimator(SVC_PIPELINE, params, 0).named_steps["svc"].alpha == 7.0

    def test_a_step_may_be_switched_off(self) -> None:
        """`passthrough` is a value of a step."""
        assert build_estimator(SVC_PIPELINE, {"scale": "passthrough"}, 0).named_steps["scale"] == "passthrough"

    def test_experimental_estimators_need_no_extra_import(self) -> None:
        """scikit-learn hides IterativeImputer until it is enabled; naming it is enabling it."""
        assert type(build_estimator(single("sklearn.impute.IterativeImputer"), {}, 0)).__name__ == "IterativeImputer"

    def test_every_call_builds_afresh(self) -> None:
        """Nothing is shared between folds."""
        assert (
            build_estimator(SVC_PIPELINE, {}, 0).named_steps["svc"]
            is not build_estimator(SVC_PIPELINE, {}, 0).named_steps["svc"]
        )

    def test_names_for_the_space_are_dotted(self) -> None:
        """They are what `search.space` may use."""
        names = parameter_names(TABLE)
        assert {"model.C", "prepare.numeric.impute.strategy", "prepare.text.encode.handle_unknown"} <= set(names)
        assert names == sorted(names)
        assert not [name for name in names if "__" in name]


class TestErrors:
    """What cannot be built says why, and what to do."""

    @pytest.mark.parametrize(
        ("path", "said"),
        [
            ("sklearn.svm.SCV", "did you mean 'SVC'?"),
            ("sklearn.svn.SVC", "'sklearn' has no module 'svn'; did you mean 'svm'?"),
            ("sklearn.RandomForestClassifier", "did you mean 'sklearn.ensemble.RandomForestClassifier'?"),
            ("sklern.svm.SVC", "there is no module 'sklern'; did you mean 'sklearn'?"),
            ("imblearn.pipeline.Pipeline", "not installed; try: pip install imbalanced-learn"),
            ("nowhere_to_be_found.Thing", "add `code: FOLDER`"),
            ("python:numpy", "write it as python:package.module:Name"),
            ("SVC", "write it as package.module.Name"),
            ("sklearn.svm.__doc__", "is a"),
        ],
    )
    def test_a_wrong_class_path_names_the_way_out(self, path: str, said: str) -> None:
        """Nearest name, place it really has, or what to install."""
        assert said in messages(single(path))["model.estimator"]

    def test_a_module_beside_the_study_file_asks_for_the_code_key(self, tmp_path: Path) -> None:
        """It would not be there on a worker."""
        (tmp_path / "my_models.py").write_text("")
        (problem,) = model_problems(single("my_models.Thing"), beside=tmp_path)
        assert "add `code: .`" in problem.message

    def test_a_module_that_fails_to_import_tells_why(self, tmp_path: Path) -> None:
        """Its own error, and a missing dependency by name."""
        (tmp_path / "broken_model.py").write_text("1 / 0")
        (tmp_path / "needy_model.py").write_text("import xgboost_of_my_own")
        with importing_from(tmp_path):
            assert "ZeroDivisionError" in messages(single("broken_model.Thing"))["model.estimator"]
            assert "needs 'xgboost_of_my_own'" in messages(single("needy_model.Thing"))["model.estimator"]

    def test_all_problems_come_at_once_with_their_keys(self) -> None:
        """One run shows everything that is wrong."""
        model: dict[str, Json] = {
            "pipeline": [
                {"scale": "sklearn.preprocessing.StandardScalar"},
                {"svc": {"class": "sklearn.svm.SVC", "params": {"gama": 1, "c": 2}}},
            ]
        }
        found = messages(model)
        assert set(found) == {
            "model.pipeline[0].scale",
            "model.pipeline[1].svc.params.gama",
            "model.pipeline[1].svc.params.c",
        }
        assert "did you mean 'gamma'?" in found["model.pipeline[1].svc.params.gama"]
        assert "did you mean 'C'?" in found["model.pipeline[1].svc.params.c"]

    def test_a_step_that_cannot_transform_is_refused(self) -> None:
        """Only the last step predicts."""
        model: dict[str, Json] = {"pipeline": [{"a": "sklearn.svm.SVC"}, {"b": "sklearn.svm.SVC"}]}
        assert "no `transform`" in messages(model)["model.pipeline[0].a"]

    def test_a_model_that_cannot_learn_is_refused(self) -> None:
        """A class without fit is no model."""
        assert "no `fit`" in messages(single("collections.OrderedDict"))["model.estimator"]

    @pytest.mark.parametrize("name", ["Forgetful", "Foreign"])
    def test_a_class_that_cannot_be_tuned_says_what_it_lacks(self, tmp_path: Path, name: str) -> None:
        """It does not keep its arguments, or knows nothing of scikit-learn's conventions."""
        (tmp_path / "odd_models.py").write_text(
            "from sklearn.base import BaseEstimator\n"
            "class Forgetful(BaseEstimator):\n    def __init__(self, a=1):\n        pass\n"
            "    def fit(self, X, y):\n        return self\n"
            "class Foreign:\n    def fit(self, X, y):\n        return self\n"
        )
        with importing_from(tmp_path):
            assert (
                "derive your class from sklearn.base.BaseEstimator" in messages(single(f"odd_models.{name}"))["model"]
            )

    def test_a_step_name_that_scikit_learn_uses_itself_is_refused(self) -> None:
        """`steps` would clash with the pipeline's own parameter."""
        assert "rename" in messages({"pipeline": [{"steps": "sklearn.svm.SVC"}]})["model.pipeline[0].steps"]

    @pytest.mark.parametrize(
        ("name", "said"),
        [
            ("svc.gama", "did you mean 'svc.gamma'?"),
            ("svc.c", "did you mean 'svc.C'?"),
            ("cvs.C", "did you mean 'svc.C'?"),
            ("svc.zzzzzz", "it has:"),
        ],
    )
    def test_an_unknown_parameter_names_the_nearest(self, name: str, said: str) -> None:
        """Across the whole pipeline."""
        ((found, message),) = point_problems(SVC_PIPELINE, {name: 1})
        assert found == name
        assert said in message
        with pytest.raises(MisuseError, match="no parameter"):
            build_estimator(SVC_PIPELINE, {name: 1}, 0)

    def test_a_parameter_of_a_step_that_is_switched_off_asks_for_when(self) -> None:
        """Passthrough has no parameters."""
        ((_, message),) = point_problems(SVC_PIPELINE, {"scale": "passthrough", "scale.with_mean": False})
        assert "`when:`" in message


class TestRandomStates:
    """Every open source of randomness gets a seed of its own."""

    def test_open_random_states_are_set_at_any_depth(self) -> None:
        """Pipelines, nested estimators and lists of them included."""
        tree: Json = {"class": "sklearn.tree.DecisionTreeClassifier"}
        model: dict[str, Json] = {
            "pipeline": [
                {"pca": "sklearn.decomposition.PCA"},
                {"vote": {"class": "sklearn.ensemble.VotingClassifier", "params": {"estimators": [{"a": tree}]}}},
            ]
        }
        params = build_estimator(model, {}, 7).get_params(deep=True)
        states = {name: value for name, value in params.items() if name.endswith("random_state")}
        assert set(states) == {"pca__random_state", "vote__a__random_state"}
        assert all(isinstance(value, int) and 0 <= value < 2**31 for value in states.values())
        assert len(set(states.values())) == 2

    def test_a_random_state_that_was_fixed_stays(self) -> None:
        """What the user wrote is what runs."""
        model = single("sklearn.tree.DecisionTreeClassifier", random_state=5)
        assert build_estimator(model, {}, 7).random_state == 5
        assert (
            build_estimator(single("sklearn.tree.DecisionTreeClassifier"), {"random_state": 6}, 7).random_state == 6
        )

    def test_splitters_given_as_cv_are_seeded(self) -> None:
        """They shuffle, and have no get_params."""
        model = single(
            "sklearn.linear_model.LassoCV",
            cv={"class": "sklearn.model_selection.KFold", "params": {"n_splits": 3, "shuffle": True}},
        )
        first, again, other = (build_estimator(model, {}, seed).cv.random_state for seed in (1, 1, 2))
        assert isinstance(first, int)
        assert first == again != other

    def test_a_seed_depends_on_its_path_only(self) -> None:
        """Adding a step changes no other step's seed."""

        def seed_of_tree(*before: dict[str, Json]) -> Any:
            steps: list[Json] = [*before, {"tree": "sklearn.tree.DecisionTreeClassifier"}]
            return build_estimator({"pipeline": steps}, {}, 3).named_steps["tree"].random_state

        assert seed_of_tree() == seed_of_tree({"pca": "sklearn.decomposition.PCA"})

    def test_an_estimator_without_randomness_is_left_alone(self) -> None:
        """Nothing is set that is not there."""
        model = build_estimator(single("sklearn.neighbors.KNeighborsClassifier"), {}, 0)
        before = model.get_params()
        set_random_states(model, 1)
        assert model.get_params() == before


class TestLoading:
    """Paths are imported."""

    def test_modules_of_a_study_are_forgotten_afterwards(self, tmp_path: Path) -> None:
        """Another study may have a module of the same name."""
        for folder, value in (("one", 1), ("two", 2)):
            (tmp_path / folder).mkdir()
            (tmp_path / folder / "same_name.py").write_text(f"VALUE = {value}")
            with importing_from(tmp_path / folder):
                assert load("python:same_name:VALUE") == value

    def test_nested_names_are_found(self) -> None:
        """The part after the second colon may have dots."""
        assert load("python:pathlib:Path.name") is Path.name
