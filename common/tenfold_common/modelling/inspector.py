"""Goes through a study file with its data at hand, and finds everything that is wrong with it.

The order matters only where one part needs another: problems of all parts are told at once.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tenfold_common.data.dataset import Dataset
from tenfold_common.domain.seeds import Stream, integer_seed
from tenfold_common.domain.splitters import Splitter, SplitterKind
from tenfold_common.domain.study_file import ReadStudy, StudyFile
from tenfold_common.domain.words import Json
from tenfold_common.errors import DataError, MisuseError, Problem, StudyFileError
from tenfold_common.modelling.data_checks import (
    Finding,
    Roles,
    balance_warnings,
    classes_of,
    column_findings,
    duplicate_warnings,
    gap_features,
    model_findings,
    roles_of,
    target_problem,
    task_of,
    text_features,
)
from tenfold_common.modelling.dry_run import (
    Attempted,
    explain,
    fit_and_score,
    middle_point,
    point_where_active,
    sample_rows,
    take,
)
from tenfold_common.modelling.estimators import build_estimator, model_problems, point_problems
from tenfold_common.modelling.fold_rows import Splits
from tenfold_common.modelling.scoring import (
    Metric,
    Task,
    default_metric,
    metric_problem,
    metric_warning,
    resolve_metric,
)
from tenfold_common.modelling.splits import make_splits

_DEFAULT_FOLDS: Final = 5
_MANY_FOLDS: Final = 100
_USUAL_TARGETS: Final = ("target", "y")  # the names in scikit-learn's data sets and in loose arrays

# Any in this module: estimators and columns of any library.


@dataclass(slots=True)
class Inspector:
    """Goes through a study part by part, collecting problems; what depends on a broken part is left out.

    Attributes:
        read: The study file.
        base: Folder that its relative paths start from.
        problems: What keeps the study from being run.
        warnings: What a person should be told anyway.
    """

    read: ReadStudy
    base: Path
    problems: list[Problem] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def inspect(self, *, dry_run: bool, on_dry_run: Callable[[], None] | None = None) -> "Facts":
        """The parts of the study, which fit each other.

        Args:
            dry_run: Whether to fit and score the model on a few rows.
            on_dry_run: Called just before that.

        Raises:
            StudyFileError: With everything that is wrong.
        """
        self._code()
        model, metrics = self._model(), self._metrics()
        dataset = self._dataset()
        roles = None if dataset is None else self._roles(dataset)
        if dataset is None or roles is None:
            raise self._error()
        facts = self._facts(model, metrics, dataset, roles)
        if facts is None or self.problems:
            raise self._error()
        self._warn(facts)
        if dry_run:
            if on_dry_run is not None:
                on_dry_run()
            self._dry_run(facts)
        if self.problems:
            raise self._error()
        return facts

    def _code(self) -> None:
        folder = code_folder(self.read.study, self.base)
        if folder is not None and not folder.is_dir():
            self._problem("code", f"{self.read.study.code!r} is not a folder; name the one with your modules")

    def _model(self) -> Any:
        """The model with nothing of the space set; None if it cannot be built."""
        document = model_of(self.read.study)
        found = model_problems(document, beside=self._beside)
        for problem in found:
            self._problem(problem.key, problem.message)
        if found:
            return None
        space = self.read.study.space()
        for name in space.names:
            said = dict(point_problems(document, point_where_active(space, name))).get(name)
            if said is not None:
                self._problem(f"search.space.{name}", said)
        return build_estimator(document, {}, 0)

    def _metrics(self) -> list[Metric]:
        metrics = []
        for position, name in enumerate(self.read.study.evaluation.metrics or ()):
            try:
                metrics.append(resolve_metric(name, beside=self._beside))
            except MisuseError as error:
                self._problem(f"evaluation.metrics[{position}]", str(error))
        return metrics

    def _dataset(self) -> Dataset | None:
        from tenfold_common.data.sources import load_source

        data = self.read.study.data
        try:
            code = code_folder(self.read.study, self.base)
            return load_source(data.source, target=data.target, base=self.base, code=code)
        except DataError as error:
            about_target = f"there is no column {data.target!r}" in str(error)
            self._problem("data.target" if about_target else "data.source", str(error))
            return None

    def _roles(self, dataset: Dataset) -> Roles | None:
        """The part each column plays; None if one is not there or not whole."""
        data = self.read.study.data
        usual = next((name for name in _USUAL_TARGETS if name in dataset.column_names), None)
        if data.target is None and usual is None:
            some = ", ".join(map(repr, dataset.column_names[:12]))
            self._problem("data.target", f"is missing; name the column to predict (the data has {some})")
            return None
        roles = roles_of(data, self.read.study.splitter, usual or "")
        return None if self._refuse(column_findings(dataset, roles)) else roles

    def _facts(self, model: Any, metrics: list[Metric], dataset: Dataset, roles: Roles) -> "Facts | None":
        """Hold the parts against each other; None if they do not fit."""
        features = dataset.features((roles.target, *roles.unseen))
        task = task_of(model, dataset, roles.target)
        learnable = model is None or self._learnable(dataset, roles.target, task)
        classes = classes_of(dataset.column(roles.target)) if task is Task.CLASSIFICATION else {}
        self._refuse(model_findings(model_of(self.read.study), dataset, feature_names(features)))
        if model is not None and learnable:
            self._metrics_fit(metrics, task, list(classes))
        splitter = self.read.study.splitter or _default_splitter(roles, task, ordered=self.read.study.data.ordered)
        splits = self._splits(splitter, dataset, roles) if learnable else None
        if splits is None:
            return None
        return Facts(
            dataset=dataset,
            roles=roles,
            features=features,
            task=task,
            classes=classes,
            metrics=metrics or [resolve_metric(default_metric(task))],
            splitter=splitter,
            splits=splits,
        )

    def _learnable(self, dataset: Dataset, target: str, task: Task) -> bool:
        said = target_problem(dataset, target, task)
        if said is not None:
            self._problem("data.target", said)
        return said is None

    def _metrics_fit(self, metrics: Sequence[Metric], task: Task, classes: Sequence[object]) -> None:
        known = self.read.study.evaluation.metrics or ()
        for metric in metrics:
            said = metric_problem(metric.name, task, classes)
            if said is not None:
                self._problem(f"evaluation.metrics[{known.index(metric.name)}]", said)
            warning = metric_warning(metric.name, task)
            if warning is not None:
                self.warnings.append(warning)

    def _splits(self, splitter: Splitter, dataset: Dataset, roles: Roles) -> Splits | None:
        def column(name: str | None) -> Any:
            return None if name is None else dataset.column(name)

        try:
            return make_splits(
                splitter,
                rows=dataset.rows,
                y=column(roles.target),
                groups=column(roles.groups),
                time=column(roles.time),
                predefined=column(roles.fold),
                seed=integer_seed(self.read.study.seed, Stream.SPLITS),
            )
        except DataError as error:
            self._problem("evaluation.folds", str(error))
            return None

    def _warn(self, facts: "Facts") -> None:
        if facts.classes:
            names = [metric.name for metric in facts.metrics]
            self.warnings.extend(balance_warnings(facts.classes, names))
            self.warnings.extend([] if facts.splitter.kind.stratified else _unseen_classes(facts))
        self.warnings.extend(duplicate_warnings(facts.features, facts.dataset))
        if len(facts.splits) > _MANY_FOLDS:
            self.warnings.append(f"every trial fits the model {len(facts.splits)} times, once per fold")
        start = [str(point) for point in self.read.study.start_points()]
        if len(set(start)) < len(start):
            self.warnings.append("search.start lists a point twice: it would be evaluated twice")

    def _dry_run(self, facts: "Facts") -> None:
        space = self.read.study.space()
        point = middle_point(space, self.read.study.start_points())
        if point is None:
            self.warnings.append("hardly any point of the space satisfies search.constraints; are they right?")
            return
        target = facts.dataset.column(facts.roles.target)
        rows = sample_rows(facts.dataset, target, feature_names(facts.features), classes=bool(facts.classes))
        X, y = take(facts.features, rows), target[rows]
        try:
            estimator = build_estimator(model_of(self.read.study), point, 0)
        except MisuseError as error:  # each name is known by itself, so it is this mixture that does not fit
            self._problem("search.space", f"the model cannot be built with {point}: {error}")
            return
        trial = Attempted(
            point=point,
            rows=len(rows),
            text=tuple(text_features(facts.dataset, feature_names(facts.features))),
            gaps=tuple(gap_features(facts.dataset, feature_names(facts.features))),
        )
        for failed, raised in fit_and_score(estimator, facts.metrics, X, y):
            finding = explain(failed, raised, trial, space, [metric.name for metric in facts.metrics])
            if finding.key is None:
                self.warnings.append(finding.message)
            else:
                self._problem(finding.key, finding.message)

    @property
    def _beside(self) -> Path | None:
        return self.base if self.read.study.code is None else None

    def _problem(self, key: str, message: str) -> None:
        self.problems.append(self.read.problem(key, message))

    def _refuse(self, findings: Iterable[Finding]) -> bool:
        found = list(findings)
        for key, message in found:
            self._problem(key, message)
        return bool(found)

    def _error(self) -> StudyFileError:
        return StudyFileError(self.read.source, sorted(set(self.problems), key=lambda one: (one.line or 0, one.key)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """The parts of a study, held against each other.

    Attributes:
        features: What the model sees: a matrix or a table.
        classes: Rows per class; empty for a regression.
    """

    dataset: Dataset
    roles: Roles
    features: Any
    task: Task
    classes: Mapping[object, int]
    metrics: Sequence[Metric]
    splitter: Splitter
    splits: Splits


def _default_splitter(roles: Roles, task: Task, *, ordered: bool) -> Splitter:
    """Five folds of the kind that suits: no look into the future, no group split, classes as even as they are."""
    classes = task is Task.CLASSIFICATION
    if roles.time is not None or ordered:
        return Splitter(kind=SplitterKind.TIME_SERIES, n_splits=_DEFAULT_FOLDS)
    if roles.groups is not None:
        kind = SplitterKind.STRATIFIED_GROUP if classes else SplitterKind.GROUP
        return Splitter(kind=kind, n_splits=_DEFAULT_FOLDS)
    kind = SplitterKind.STRATIFIED if classes else SplitterKind.KFOLD
    return Splitter(kind=kind, n_splits=_DEFAULT_FOLDS, shuffle=True)


def _unseen_classes(facts: Facts) -> Iterable[str]:
    """Folds that train on no row of some class: their model cannot know it."""
    target = facts.dataset.column(facts.roles.target)
    for fold in range(min(len(facts.splits), _MANY_FOLDS)):
        seen = classes_of(target[facts.splits.train(fold)])
        missing = [label for label in facts.classes if label not in seen]
        if missing:
            yield f"fold {fold} trains on no row of the class {missing[0]!r}; stratified folds would"
            return


def feature_names(features: Any) -> list[str]:
    """Column names of a table; numbers stand for the columns of a matrix; none for an array of more dimensions."""
    if hasattr(features, "columns"):
        return [str(name) for name in features.columns]
    return [str(position) for position in range(features.shape[1])] if features.ndim == 2 else []


def model_of(study: StudyFile) -> Mapping[str, Json]:
    """The model section as plain data, as it travels to workers."""
    model = study.document()["model"]
    assert isinstance(model, dict), "the model section is a mapping"
    return model


def code_folder(study: StudyFile, base: Path) -> Path | None:
    """The folder with the user's own modules, if the study has one."""
    return None if study.code is None else base / study.code
