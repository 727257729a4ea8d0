"""Folds of a trial: the same numbers whenever they are run again, and every fault of the model a failure in words."""

import random
import sys
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tenfold_common.data.dataset import Dataset, array_dataset, dataset_hash, table_dataset, write_dataset
from tenfold_common.data.dataset import open_dataset as open_container
from tenfold_common.data.values import numeric_column, text_column
from tenfold_common.domain.spec import EvaluationSpec
from tenfold_common.domain.splitters import Splitter, SplitterKind
from tenfold_common.domain.trial import FoldResult, Outcome
from tenfold_common.domain.words import ContentHash, FailureKind, Json, Params
from tenfold_common.modelling.loading import importing_from
from tenfold_common.modelling.splits import Splits, make_splits
from tenfold_worker.evaluation import evaluate_folds, seed_global_generators

ROWS = 90
NOWHERE = ContentHash("0" * 64)


def array_data() -> Dataset:
    """Three overlapping classes in four dimensions."""
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1, 2], ROWS // 3)
    X = rng.normal(size=(ROWS, 4)) + y[:, None] * 0.7
    return array_dataset(X, [numeric_column("label", y)])


def table_data() -> Dataset:
    """Numbers with gaps, text with gaps, and a column the model must not see."""
    rng = np.random.default_rng(1)
    y = np.tile([0, 1], ROWS // 2)
    age = rng.normal(size=ROWS) + y
    age[::7] = np.nan
    colour = np.array(["red", "green", "blue"])[rng.integers(0, 3, ROWS)]
    return table_dataset(
        [
            numeric_column("age", age),
            text_column("colour", colour, rng.random(ROWS) < 0.2),
            numeric_column("patient", np.arange(ROWS)),
            numeric_column("label", y),
        ]
    )


def folds_of(dataset: Dataset, folds: int = 3) -> Splits:
    """Stratified folds of the data."""
    splitter = Splitter(kind=SplitterKind.STRATIFIED, n_splits=folds, shuffle=True)
    y = dataset.column("label")
    return make_splits(splitter, rows=dataset.rows, y=y, groups=None, time=None, predefined=None, seed=5)


def spec_of(
    model: dict[str, Json], *, metrics: tuple[str, ...] = ("accuracy",), drop: tuple[str, ...] = ()
) -> EvaluationSpec:
    """A spec; hashes are of no consequence here."""
    return EvaluationSpec(
        model=model,
        metrics=metrics,
        data_hash=NOWHERE,
        target="label",
        drop=drop,
        splits_hash=NOWHERE,
        folds=3,
        fold_timeout_s=None,
        code_hash=None,
    )


def single(path: str, **params: Json) -> dict[str, Json]:
    """A model section with one estimator."""
    return {"estimator": {"class": path, "params": params}}


class Run:
    """One evaluation with everything it told on the way."""

    def __init__(
        self,
        spec: EvaluationSpec,
        dataset: Dataset,
        *,
        params: Params | None = None,
        folds: Sequence[int] = (0, 1, 2),
        trial: int = 4,
        seed: int = 42,
    ) -> None:
        self.told: list[int] = []
        self.results: list[FoldResult] = []
        self.outcome: Outcome = evaluate_folds(
            spec,
            dataset,
            folds_of(dataset),
            params or {},
            study_seed=seed,
            trial=trial,
            folds=folds,
            on_fold=self.results.append,
            on_fold_begins=self.told.append,
        )

    @property
    def scores(self) -> dict[int, dict[str, float]]:
        """Scores by fold."""
        return {fold.fold: dict(fold.scores) for fold in self.outcome.folds}

    @property
    def message(self) -> str:
        """The failure in a line."""
        assert self.outcome.failure is not None
        return self.outcome.failure.message


NESTED: dict[str, Json] = {
    "pipeline": [
        {"pca": {"class": "sklearn.decomposition.PCA", "params": {"n_components": 3, "svd_solver": "randomized"}}},
        {
            "bag": {
                "class": "sklearn.ensemble.BaggingClassifier",
                "params": {
                    "n_estimators": 4,
                    "estimator": {
                        "class": "sklearn.ensemble.VotingClassifier",
                        "params": {
                            "estimators": [
                                {
                                    "tree": {
                                        "class": "sklearn.tree.DecisionTreeClassifier",
                                        "params": {"max_features": 1},
                                    }
                                },
                                {
                                    "forest": {
                                        "class": "sklearn.ensemble.ExtraTreesClassifier",
                                        "params": {"n_estimators": 5},
                                    }
                                },
                            ]
                        },
                    },
                },
            }
        },
    ]
}
RANDOM_MODELS: dict[str, dict[str, Json]] = {
    "forest": single("sklearn.ensemble.RandomForestClassifier", n_estimators=8),
    "gradient boosting": single(
        "sklearn.ensemble.HistGradientBoostingClassifier", max_iter=5, early_stopping=True, max_features=0.5
    ),
    "network": single("sklearn.neural_network.MLPClassifier", hidden_layer_sizes=[6], max_iter=15),
    "support vectors": single("sklearn.svm.SVC", probability=True),
    "nested ensembles": NESTED,
    "tuned inside": single(
        "sklearn.linear_model.LogisticRegressionCV",
        Cs=3,
        cv={"class": "sklearn.model_selection.StratifiedKFold", "params": {"n_splits": 3, "shuffle": True}},
    ),
}
TABLE_MODEL: dict[str, Json] = {
    "pipeline": [
        {
            "prepare": {
                "columns": {
                    "numeric": {
                        "select": "numeric",
                        "steps": [
                            {
                                "impute": {
                                    "class": "sklearn.impute.IterativeImputer",
                                    "params": {"sample_posterior": True, "max_iter": 2},
                                }
                            }
                        ],
                    },
                    "text": {
                        "select": "categorical",
                        "steps": [
                            {
                                "encode": {
                                    "class": "sklearn.preprocessing.OneHotEncoder",
                                    "params": {"handle_unknown": "ignore", "sparse_output": False},
                                }
                            }
                        ],
                    },
                }
            }
        },
        {"forest": {"class": "sklearn.ensemble.RandomForestClassifier", "params": {"n_estimators": 8}}},
    ]
}


class TestSameNumbers:
    """A fold depends on seeds, parameters and data alone."""

    @pytest.mark.parametrize("name", RANDOM_MODELS)
    def test_scores_are_bit_identical_whatever_ran_before(self, name: str) -> None:
        """Run again, folds one by one in another order, with other randomness used up before."""
        spec = spec_of(RANDOM_MODELS[name], metrics=("neg_log_loss", "accuracy"))
        data = array_data()
        whole = Run(spec, data).scores
        assert sorted(whole) == [0, 1, 2]
        random.seed(9)
        np.random.seed(9)
        alone = {fold: Run(spec, data, folds=[fold]).scores[fold] for fold in (2, 0, 1)}
        assert alone == whole

    def test_tables_with_missing_values_give_the_same_numbers(self) -> None:
        """Column transformers with a random imputer included."""
        spec = spec_of(TABLE_MODEL, metrics=("neg_log_loss",), drop=("patient",))
        first = Run(spec, table_data())
        assert first.outcome.failure is None
        assert first.scores == Run(spec, table_data()).scores

    def test_another_trial_or_study_gets_other_randomness(self) -> None:
        """Seeds derive from the study's seed, the trial's number and the fold's."""
        spec = spec_of(RANDOM_MODELS["forest"], metrics=("neg_log_loss",))
        runs = [Run(spec, array_data()), Run(spec, array_data(), trial=5), Run(spec, array_data(), seed=43)]
        assert len({str(run.scores) for run in runs}) == 3

    def test_a_fixed_random_state_makes_trials_alike(self) -> None:
        """What the user fixed stays fixed."""
        spec = spec_of(single("sklearn.ensemble.RandomForestClassifier", n_estimators=5, random_state=1))
        assert Run(spec, array_data(), trial=1).scores == Run(spec, array_data(), trial=2).scores

    def test_the_global_generators_are_seeded(self, own: None) -> None:
        """Models that ask Python's or NumPy's global generator are repeatable too."""
        spec = spec_of(single("own_models.Gambler"))
        first = Run(spec, array_data())
        assert first.scores == Run(spec, array_data()).scores
        assert len({fold.scores["accuracy"] for fold in first.outcome.folds}) > 1

    def test_torch_is_seeded_if_it_is_there_and_not_imported_otherwise(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Importing it would cost seconds."""
        before = "torch" in sys.modules
        seed_global_generators(1)
        assert ("torch" in sys.modules) == before
        heard: list[object] = []

        class Torch:
            """Stands in for the module, which is no dependency."""

            class backends:  # noqa: N801  # torch's name
                """As torch has it."""

                class cudnn:  # noqa: N801  # torch's name
                    """As torch has it."""

                    benchmark = True

            @staticmethod
            def manual_seed(seed: int) -> None:
                """Note the seed."""
                heard.append(seed)

            @staticmethod
            def use_deterministic_algorithms(mode: bool, *, warn_only: bool) -> None:
                """Note the mode."""
                heard.append((mode, warn_only))

        monkeypatch.setitem(sys.modules, "torch", Torch)
        seed_global_generators(7)
        assert heard == [7, (True, True)]
        assert not Torch.backends.cudnn.benchmark


class TestResults:
    """What a fold tells of itself."""

    def test_scores_are_the_hand_computed_ones(self) -> None:
        """The majority class is right for exactly its share of each fold."""
        y = np.array([0] * 60 + [1] * 30)
        data = array_dataset(np.zeros((ROWS, 1)), [numeric_column("label", y)])
        run = Run(spec_of(single("sklearn.dummy.DummyClassifier"), metrics=("accuracy", "balanced_accuracy")), data)
        assert run.scores == {fold: {"accuracy": 20 / 30, "balanced_accuracy": 0.5} for fold in (0, 1, 2)}

    def test_results_say_what_was_measured(self) -> None:
        """Rows of both sides and seconds."""
        run = Run(spec_of(RANDOM_MODELS["forest"]), array_data())
        for result in run.outcome.folds:
            assert (result.train_rows, result.validation_rows) == (60, 30)
            assert result.fit_s > 0
            assert result.score_s > 0
            assert all(type(score) is float for score in result.scores.values())

    def test_folds_run_ascending_and_are_told_at_once(self) -> None:
        """Whatever order they were asked for in."""
        run = Run(spec_of(single("sklearn.naive_bayes.GaussianNB")), array_data(), folds=(2, 0))
        assert run.told == [0, 2]
        assert run.results == list(run.outcome.folds)

    def test_parameters_are_those_of_the_trial(self) -> None:
        """A stump scores as a stump does."""
        spec = spec_of(single("sklearn.tree.DecisionTreeClassifier"))
        assert Run(spec, array_data(), params={"max_depth": 1}).scores != Run(spec, array_data()).scores

    def test_memory_mapped_data_gives_the_same_numbers(self, tmp_path: Path) -> None:
        """As a worker reads it."""
        data = array_data()
        write_dataset(data, tmp_path / "data")
        spec = replace(spec_of(RANDOM_MODELS["forest"]), data_hash=dataset_hash(data))
        assert Run(spec, open_container(tmp_path / "data")).scores == Run(spec, data).scores

    def test_warnings_are_kept_once_each(self, own: None) -> None:
        """Distinct ones, one line each, twenty at most, in every fold again."""
        run = Run(spec_of(single("own_models.Warns")), array_data())
        for result in run.outcome.folds:
            assert result.warnings[0] == "UserWarning: the same every time"
            assert len(result.warnings) == 20
            assert all("\n" not in line for line in result.warnings)

    def test_the_model_may_not_change_how_others_are_warned(self, own: None) -> None:
        """Filters and floating-point error handling are put back."""
        before = list(warnings.filters)
        errors = np.geterr()
        Run(spec_of(single("own_models.Meddles")), array_data())
        assert warnings.filters == before
        assert np.geterr() == errors

    def test_threads_are_limited(self, own: None) -> None:
        """To what the spec says, while the model is fitted."""
        assert Run(spec_of(single("own_models.CountsThreads")), array_data()).outcome.failure is None


OWN = """
import random, sys, warnings
import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin


class Base(ClassifierMixin, BaseEstimator):
    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.zeros(len(X), dtype=int)


class Gambler(Base):
    def predict(self, X):
        return [random.choice([0, 1, 2]) if np.random.random() < 0.5 else 0 for _ in range(len(X))]


class Warns(Base):
    def fit(self, X, y):
        for number in range(50):
            warnings.warn("the same every time")
            warnings.warn(f"number\\n{number}")
        return super().fit(X, y)


class Meddles(Base):
    def fit(self, X, y):
        warnings.simplefilter("ignore")
        np.seterr(all="raise")
        return super().fit(X, y)


class CountsThreads(Base):
    def fit(self, X, y):
        from threadpoolctl import threadpool_info
        assert {pool["num_threads"] for pool in threadpool_info()} == {1}
        return super().fit(X, y)


class CountsFeatures(Base):
    def fit(self, X, y):
        raise ValueError(f"sees {list(X.columns)}")


class Unprintable(Exception):
    def __str__(self):
        raise RuntimeError("no text")


def failures():
    return {
        "value": ValueError("bad\\nvalue"),
        "interrupt": KeyboardInterrupt(),
        "exit": SystemExit(3),
        "memory": MemoryError(),
        "unprintable": Unprintable(),
        "long": ValueError("x" * 5000),
    }


class Raises(Base):
    def __init__(self, what="value", at_row=None):
        self.what = what
        self.at_row = at_row

    def fit(self, X, y):
        if self.at_row is None or any(np.array_equal(row, self.at_row) for row in X):
            raise failures()[self.what]
        return super().fit(X, y)


class Recursion(Base):
    def fit(self, X, y):
        return self.fit(X, y)


def nan(y_true, y_pred):
    return float("nan")

def infinite(y_true, y_pred):
    return np.float64("inf")

def text(y_true, y_pred):
    return "0.5"

def nothing(y_true, y_pred):
    return None

def complex_number(y_true, y_pred):
    return 1 + 2j

def array(y_true, y_pred):
    return np.array([0.1, 0.2])

def numpy_scalar(y_true, y_pred):
    return np.float32(0.5)

def zero_dimensional(y_true, y_pred):
    return np.array(0.25)

def whole(y_true, y_pred):
    return 1

def fails(y_true, y_pred):
    raise LookupError("no such score")
"""


@pytest.fixture
def own(tmp_path: Path) -> Iterator[None]:
    """A module ``own_models`` that can be imported."""
    (tmp_path / "own_models.py").write_text(OWN)
    with importing_from(tmp_path):
        yield


@pytest.mark.usefixtures("own")
class TestFailures:
    """Whatever the model does wrong costs its own trial only."""

    @pytest.mark.parametrize(
        ("what", "message"),
        [
            ("value", "ValueError: bad value"),
            ("interrupt", "KeyboardInterrupt"),
            ("exit", "SystemExit: 3"),
            ("memory", "MemoryError"),
            ("unprintable", "Unprintable: (a Unprintable whose text cannot be shown)"),
        ],
    )
    def test_whatever_the_model_raises_is_a_failure_in_one_line(self, what: str, message: str) -> None:
        """Exits and interrupts included; the process lives on."""
        run = Run(spec_of(single("own_models.Raises", what=what)), array_data())
        assert run.outcome.failure is not None
        assert run.outcome.failure.kind is FailureKind.EXCEPTION
        assert run.message == message
        assert run.outcome.failure.fold == 0
        assert run.outcome.folds == ()

    def test_long_texts_are_cut(self) -> None:
        """A table has room for a line."""
        assert len(Run(spec_of(single("own_models.Raises", what="long")), array_data()).message) == 300

    def test_the_traceback_begins_with_the_model(self) -> None:
        """Tenfold's own frames say nothing about the model."""
        run = Run(spec_of(single("own_models.Raises")), array_data())
        assert run.outcome.failure is not None
        text = run.outcome.failure.traceback
        assert text.startswith("Traceback (most recent call last):\n")
        assert "own_models.py" in text.splitlines()[1]
        assert "ValueError: bad" in text

    def test_endless_recursion_is_a_failure(self) -> None:
        """With a traceback of bearable length."""
        run = Run(spec_of(single("own_models.Recursion")), array_data())
        assert run.message.startswith("RecursionError")
        assert run.outcome.failure is not None
        assert len(run.outcome.failure.traceback) < 25_000

    def test_the_first_failing_fold_ends_the_trial(self) -> None:
        """Folds before it keep their results; later ones are not begun."""
        data = array_data()
        splits = folds_of(data)
        only_in_fold_1 = set(splits.train(1)) - set(splits.train(0))  # rows that fold 0 does not train on
        row = data.features(("label",))[min(only_in_fold_1)].tolist()
        run = Run(spec_of(single("own_models.Raises", at_row=row)), data)
        assert run.outcome.failure is not None
        assert run.outcome.failure.fold == 1
        assert [fold.fold for fold in run.outcome.folds] == [0]
        assert run.told == [0, 1]

    def test_a_model_that_cannot_be_built_is_a_failure(self) -> None:
        """As a parameter that only some choices have."""
        run = Run(spec_of(single("sklearn.svm.SVC")), array_data(), params={"gama": 1.0})
        assert "no parameter 'gama'; did you mean 'gamma'" in run.message

    @pytest.mark.parametrize(
        ("metric", "shown"),
        [
            ("nan", "nan"),
            ("infinite", "np.float64(inf)"),
            ("text", "'0.5'"),
            ("nothing", "None"),
            ("complex_number", "(1+2j)"),
            ("array", "array([0.1, 0.2])"),
        ],
    )
    def test_a_score_that_is_no_finite_number_is_a_failure(self, metric: str, shown: str) -> None:
        """Named with its metric and value; it must never meet the surrogate."""
        name = f"python:own_models:{metric}"
        run = Run(spec_of(single("own_models.Base"), metrics=("accuracy", name)), array_data())
        assert run.outcome.failure is not None
        assert run.outcome.failure.kind is FailureKind.INVALID_SCORE
        assert run.message == f"the metric {name!r} gave {shown}, which is not a finite number"

    @pytest.mark.parametrize(("metric", "score"), [("numpy_scalar", 0.5), ("zero_dimensional", 0.25), ("whole", 1.0)])
    def test_numbers_of_all_kinds_are_scores(self, metric: str, score: float) -> None:
        """They are stored as Python floats."""
        run = Run(spec_of(single("own_models.Base"), metrics=(f"python:own_models:{metric}",)), array_data())
        (value,) = run.outcome.folds[0].scores.values()
        assert (value, type(value)) == (score, float)

    def test_a_metric_that_raises_is_a_failure(self) -> None:
        """The same as a model that raises."""
        run = Run(spec_of(single("own_models.Base"), metrics=("python:own_models:fails",)), array_data())
        assert run.message == "LookupError: no such score"

    def test_dropped_columns_are_not_seen(self) -> None:
        """Neither the target."""
        run = Run(spec_of(single("own_models.CountsFeatures"), drop=("patient",)), table_data())
        assert run.message == "ValueError: sees ['age', 'colour']"

    def test_a_listener_that_fails_is_not_the_models_fault(self) -> None:
        """It is raised: nobody would hear of a failure either."""

        def deaf(result: FoldResult) -> None:
            raise BrokenPipeError

        data = array_data()
        with pytest.raises(BrokenPipeError):
            evaluate_folds(
                spec_of(single("own_models.Base")),
                data,
                folds_of(data),
                {},
                study_seed=0,
                trial=0,
                folds=[0],
                on_fold=deaf,
                on_fold_begins=lambda fold: None,
            )
