"""Builds the scikit-learn estimator that a study file's ``model`` section describes, at one point of the space.

Works on the section as plain JSON data, because that is what travels to workers. Every problem is found, each with
the key it belongs to; nothing here looks at data.
"""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from tenfold_common.domain.words import Json, Params
from tenfold_common.errors import MisuseError, Problem
from tenfold_common.modelling.loading import PYTHON, load, nearest
from tenfold_common.modelling.random_states import set_random_states

__all__ = ["build_estimator", "model_problems", "parameter_names", "point_problems", "set_random_states"]

PASSTHROUGH: Final = "passthrough"
"""Scikit-learn's word for a step that changes nothing."""

# Any in this module: estimators of any library that follows scikit-learn's conventions, which ships no types.


def build_estimator(model: Mapping[str, Json], params: Params, seed: int) -> Any:
    """A fresh, unfitted estimator.

    Args:
        model: The study file's ``model`` section as JSON data.
        params: One point of the space; ``svc.C`` sets ``C`` of the step ``svc``, ``C`` that of a single estimator.
        seed: Every ``random_state`` that was left open is derived from it.

    Raises:
        MisuseError: If something cannot be imported, or there is no such parameter.
    """
    estimator = _build(model)
    _set_params(estimator, params)
    set_random_states(estimator, seed)
    return estimator


def parameter_names(model: Mapping[str, Json], params: Params | None = None) -> list[str]:
    """Every name that ``search.space`` may use for this model, sorted.

    Args:
        model: The study file's ``model`` section as JSON data.
        params: Choices that were already made; one that puts another class at a step changes the names.
    """
    estimator = _build(model)
    _set_params(estimator, params or {})
    return sorted(_dotted(name) for name in estimator.get_params(deep=True))


def model_problems(model: Mapping[str, Json], *, beside: Path | None = None) -> list[Problem]:
    """Everything that keeps the model from being built, each with its key; empty if it can be built.

    Args:
        model: The study file's ``model`` section as JSON data.
        beside: Folder of a study file without a ``code:`` key: modules in it will not be there on a worker.
    """
    builder = _Builder(beside)
    estimator = builder.model(model)
    return builder.problems or list(_not_tunable(estimator))


def point_problems(model: Mapping[str, Json], params: Params) -> list[tuple[str, str]]:
    """Names (and values) in ``params`` that this model cannot take, each with the reason."""
    return list(_set_params_where_possible(_build(model), params))


def _not_tunable(estimator: Any) -> Iterator[Problem]:
    name = _title(type(estimator))
    try:
        estimator.get_params(deep=True)
    except AttributeError as error:
        yield Problem(
            key="model",
            message=f"{name} cannot be tuned ({error}); derive your class from sklearn.base.BaseEstimator, and keep "
            "every argument of its constructor in an attribute of the same name",
        )


def _build(model: Mapping[str, Json]) -> Any:
    builder = _Builder(None)
    estimator = builder.model(model)
    if builder.problems:
        raise MisuseError("; ".join(f"{problem.key}: {problem.message}" for problem in builder.problems))
    return estimator


class _Builder:
    """Turns JSON data into objects and collects what goes wrong on the way; a part that failed is None."""

    def __init__(self, beside: Path | None) -> None:
        self.problems: list[Problem] = []
        self._beside = beside

    def model(self, model: Mapping[str, Json]) -> Any:
        if model.get("pipeline") is not None:
            return self._pipeline(model["pipeline"], "model.pipeline")
        if model.get("estimator") is not None:
            estimator = self._object(model["estimator"], "model.estimator")
            self._require(estimator, "fit", "model.estimator", "only")
            return estimator
        self._problem("model", "has neither `estimator:` nor `pipeline:`; add one of them")
        return None

    def _pipeline(self, steps: Json, key: str) -> Any:
        from sklearn.pipeline import Pipeline

        built = [(name, self._step(value, at), at) for name, value, at in self._named(steps, key)]
        self._refuse_reserved([(name, at) for name, _, at in built], Pipeline)
        for position, (_, step, at) in enumerate(built):
            last = position == len(built) - 1
            self._require(step, "fit" if last else "transform", at, "last" if last else "other")
        return Pipeline([(name, step) for name, step, _ in built])

    def _named(self, steps: Json, key: str) -> Iterator[tuple[str, Json, str]]:
        """Name, value and key of each step."""
        for position, item in enumerate(steps if isinstance(steps, list) else [steps]):
            if isinstance(item, dict) and len(item) == 1:
                name, value = next(iter(item.items()))
                yield name, value, f"{key}[{position}].{name}"
            else:
                self._problem(f"{key}[{position}]", f"{item!r} is not a step; write `name: class.path`")

    def _step(self, value: Json, key: str) -> Any:
        if isinstance(value, dict) and "columns" in value:
            return self._columns(value, key)
        return self._object(value, key)

    def _columns(self, value: dict[str, Json], key: str) -> Any:
        from sklearn.compose import ColumnTransformer

        groups = value["columns"]
        if not isinstance(groups, dict):
            self._problem(f"{key}.columns", "must map names to `{select: ..., steps: [...]}`")
            return None
        parts = [
            (name, self._column_steps(group["steps"], f"{key}.columns.{name}.steps"), _selector(group["select"]))
            for name, group in groups.items()
            if isinstance(group, dict)
        ]
        self._refuse_reserved([(name, f"{key}.columns.{name}") for name in groups], ColumnTransformer)
        return ColumnTransformer(parts, remainder=value.get("remainder") or "drop")

    def _column_steps(self, steps: Json, key: str) -> Any:
        from sklearn.pipeline import Pipeline

        built = [(name, self._step(value, at), at) for name, value, at in self._named(steps, key)]
        self._refuse_reserved([(name, at) for name, _, at in built], Pipeline)
        for _, step, at in built:
            self._require(step, "transform", at, "column")
        return Pipeline([(name, step) for name, step, _ in built])

    def _refuse_reserved(self, names: Sequence[tuple[str, str]], holder: type) -> None:
        for name, key in names:
            if name in _constructor_names(holder):
                self._problem(key, f"the name {name!r} means something to {holder.__name__} itself; rename it")

    def _object(self, value: Json, key: str) -> Any:
        if value == PASSTHROUGH:
            return value
        if isinstance(value, str):
            return self._call(value, {}, key)
        if isinstance(value, dict) and isinstance(value.get("class"), str):
            given = value.get("params") or {}
            if not isinstance(given, dict):
                self._problem(f"{key}.params", "must map parameter names to values")
                return None
            built = {name: self.value(item, f"{key}.params.{name}") for name, item in given.items()}
            return self._call(str(value["class"]), built, key)
        self._problem(key, f"{value!r} is neither a class path nor `{{class: ..., params: {{...}}}}`")
        return None

    def value(self, value: Json, key: str) -> Any:
        """A parameter's value: plain data, an object to build, or (``python:module:name``) an object to hand over."""
        if isinstance(value, dict):
            if "class" in value:
                return self._object(value, key)
            return {name: self.value(item, f"{key}.{name}") for name, item in value.items()}
        if isinstance(value, list):
            return [self._item(item, f"{key}[{position}]") for position, item in enumerate(value)]
        if isinstance(value, str) and value.startswith(PYTHON):
            return self._loaded(value, key)
        return value

    def _item(self, item: Json, key: str) -> Any:
        """An item of a list. ``{name: {class: ...}}`` and ``[name, {class: ...}]`` become the pairs voting wants."""
        if isinstance(item, dict) and len(item) == 1 and _is_object(next(iter(item.values()))):
            item = list(next(iter(item.items())))
        if isinstance(item, list) and len(item) == 2 and isinstance(item[0], str) and _is_object(item[1]):
            return item[0], self._object(item[1], f"{key}.{item[0]}")
        return self.value(item, key)

    def _loaded(self, path: str, key: str) -> Any:
        try:
            return load(path, beside=self._beside)
        except MisuseError as error:
            self._problem(key, str(error))
            return None

    def _call(self, path: str, given: Mapping[str, Any], key: str) -> Any:
        known_problems = len(self.problems)
        factory = self._loaded(path, key)
        if len(self.problems) > known_problems:
            return None
        if not callable(factory):
            self._problem(key, f"{path!r} is a {type(factory).__name__}, not a class")
            return None
        unknown = [name for name in given if not _takes(factory, name)]
        for name in unknown:
            hint = nearest(name, _constructor_names(factory)) or f"; it has: {_listed(_constructor_names(factory))}"
            self._problem(f"{key}.params.{name}", f"{_title(factory)} has no parameter {name!r}{hint}")
        if unknown or any(problem.key.startswith(f"{key}.params.") for problem in self.problems):
            return None
        try:
            return factory(**given)
        except Exception as error:  # noqa: BLE001  # a constructor is any code there is; whatever it raises is told
            self._problem(key, f"{_title(factory)} could not be built: {type(error).__name__}: {error}")
            return None

    def _require(self, step: Any, method: str, key: str, place: str) -> None:
        if step is not None and step != PASSTHROUGH and not hasattr(step, method):
            rule = {
                "only": "a model must be able to learn",
                "last": "the last step must be able to learn",
                "other": "a step before the last must change features; only the last one predicts",
                "column": "a step on columns must change features",
            }[place]
            self._problem(key, f"{_title(type(step))} has no `{method}`: {rule}")

    def _problem(self, key: str, message: str) -> None:
        self.problems.append(Problem(key=key, message=message))


def _set_params(estimator: Any, params: Params) -> None:
    problems = list(_set_params_where_possible(estimator, params))
    if problems:
        raise MisuseError("; ".join(message for _, message in problems))


def _set_params_where_possible(estimator: Any, params: Params) -> Iterator[tuple[str, str]]:
    """Set every parameter that can be set; yield name and reason for those that cannot.

    Outer names go first: a value may put another class at a step, and the step's own parameters are then of that.
    """
    for depth in sorted({name.count(".") for name in params}):
        known = estimator.get_params(deep=True)
        for name in (name for name in params if name.count(".") == depth):
            plain = name.replace(".", "__")
            if plain not in known and not _takes_anything(known, plain):
                yield name, _unknown_parameter(name, known)
                continue
            builder = _Builder(None)
            value = builder.value(params[name], name)
            if builder.problems:
                yield from ((name, problem.message) for problem in builder.problems)
                continue
            try:
                estimator.set_params(**{plain: value})
            except Exception as error:  # noqa: BLE001  # set_params is any code there is; whatever it raises is told
                yield name, f"{name!r} cannot be set to {params[name]!r}: {type(error).__name__}: {error}"


def _unknown_parameter(name: str, known: Mapping[str, Any]) -> str:
    holder, _, last = name.rpartition(".")
    own = known.get(holder.replace(".", "__")) if holder else None
    if isinstance(own, str):
        return f"{holder!r} is {own!r} here and has no parameter {last!r}; add `when:` for where it has"
    names = [_dotted(word) for word in known]
    near = nearest(name, names)
    if own is not None and hasattr(own, "get_params"):
        near = nearest(last, list(own.get_params(deep=False))).replace("mean '", f"mean '{holder}.") or near
    return f"the model has no parameter {name!r}" + (near or f"; it has: {_listed(_tunable(names))}")


def _takes_anything(known: Mapping[str, Any], plain: str) -> bool:
    """Whether the object that would get the parameter takes any keyword, as LightGBM's and XGBoost's classes do."""
    holder, _, _ = plain.rpartition("__")
    own = known.get(holder) if holder else None
    return own is not None and not isinstance(own, str) and _has_keywords(type(own))


def _takes(factory: Any, name: str) -> bool:
    return name in _constructor_names(factory) or _has_keywords(factory)


def _has_keywords(factory: Any) -> bool:
    return any(parameter.kind is parameter.VAR_KEYWORD for parameter in _signature(factory))


def _constructor_names(factory: Any) -> list[str]:
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return [parameter.name for parameter in _signature(factory) if parameter.kind in kinds]


def _signature(factory: Any) -> Sequence[inspect.Parameter]:
    try:
        return list(inspect.signature(factory).parameters.values())
    except (TypeError, ValueError):  # written in C without a signature: it must judge its arguments itself
        return [inspect.Parameter("anything", inspect.Parameter.VAR_KEYWORD)]


def _selector(select: Json) -> Any:
    from sklearn.compose import make_column_selector

    if select == "numeric":
        return make_column_selector(dtype_include=["number", "bool"])
    if select == "categorical":
        return make_column_selector(dtype_exclude=["number", "bool", "datetime", "datetimetz", "timedelta"])
    return list(select) if isinstance(select, list) else [select]


def _is_object(value: Json) -> bool:
    return isinstance(value, dict) and "class" in value


def _dotted(name: str) -> str:
    return name.replace("__", ".")


def _tunable(names: Sequence[str]) -> list[str]:
    """The names a person would tune: those of the innermost objects."""
    return sorted(name for name in names if not any(other.startswith(f"{name}.") for other in names))


def _listed(names: Sequence[str]) -> str:
    return ", ".join(sorted(names)[:12]) + (", ..." if len(names) > 12 else "") if names else "none"


def _title(factory: Any) -> str:
    return str(getattr(factory, "__name__", factory))
