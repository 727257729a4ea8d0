"""The text of a starter study file for a table: choices and facts in, commented YAML out. Pure.

Every choice stands beside its reason, so that whoever knows better can see what to change.
"""

import json
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from tenfold.starter.choices import Choice, Choices

if TYPE_CHECKING:
    from tenfold_common.data.columns import ColumnFacts

_PLAIN: Final = re.compile(r"(?:[A-Za-z_/]|\.{1,2}/)(?:[A-Za-z0-9_./-]|:(?=[^ ])| (?=[A-Za-z0-9_./]))*")
_WORDS: Final = frozenset({"null", "true", "false"})  # what YAML 1.2 does not read as text
_MOST_COLUMNS: Final = 40
_TRIALS: Final = 40
_COMMENT_AT: Final = 42


def study_text(
    choices: Choices, facts: Sequence["ColumnFacts"], *, source: str, file: str, name: str, rows: int
) -> str:
    """The text.

    Args:
        choices: What it says.
        facts: The columns, described in its header.
        source: The data, as seen from the study file.
        file: Name of the study file, for the commands in its header.
        name: The study's name.
        rows: Number of rows.
    """
    parts = (
        _header(choices, facts, source, file, rows),
        [f"name: {name}", _with("seed: 42", "all randomness derives from it: the same seed, the same trials")],
        _data(choices, source),
        _model(choices),
        _search(choices),
        _evaluation(choices),
        ["stopping:", f"  trials: {_TRIALS}", _with("  time: 30m", "whichever comes first")],
    )
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def study_name(source: str) -> str:
    """A valid study name made from where the data is."""
    stem = re.split(r"[/\\:]", source.rstrip("/"))[-1].partition(".")[0]
    return re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-._")[:60] or "study"


def scalar(text: str) -> str:
    """A text as YAML: bare where that is safe, in quotes elsewhere."""
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return text
    return json.dumps(text, ensure_ascii=False)


def _header(choices: Choices, facts: Sequence["ColumnFacts"], source: str, file: str, rows: int) -> list[str]:
    task = "class" if choices.classification else "number"
    lines = [
        f"# Predicts the {task} {_one_line(choices.target)} from {rows} rows of {_one_line(source)}. Written by",
        "# `tenfold init` from a look at the columns, with the reason for every choice beside it.",
        "#",
        f"#     tenfold check {file}      shows the plan",
        f"#     tenfold run {file}        runs it here; again, to resume or to see the result",
        "#",
        "# The columns:",
    ]
    lines += [f"#   {_one_line(_about(one))}" for one in facts[:_MOST_COLUMNS]]
    if len(facts) > _MOST_COLUMNS:
        lines.append(f"#   ... and {len(facts) - _MOST_COLUMNS} more")
    if choices.asides:
        lines += ["#", "# Worth a thought:", *(f"#   {_one_line(aside)}" for aside in choices.asides)]
    return lines


def _about(one: "ColumnFacts") -> str:
    missing = f", {one.missing_share:.1%} missing" if one.missing_share else ""
    return f"{one.name}: {one.form}{missing} ({one.why})"


def _data(choices: Choices, source: str) -> list[str]:
    lines = ["data:", f"  source: {scalar(source)}", _with(f"  target: {scalar(choices.target)}", choices.target_why)]
    if choices.groups is not None:
        lines.append(_with(f"  groups: {scalar(choices.groups.value)}", choices.groups.why))
    if choices.time is not None:
        lines.append(_with(f"  time: {scalar(choices.time.value)}", choices.time.why))
    if choices.drop:
        lines.append(_with("  drop:", "columns that the model does not see"))
        lines += [_with(f"    - {scalar(one.value)}", one.why) for one in choices.drop]
    return lines


def _model(choices: Choices) -> list[str]:
    return [
        "model:",
        *_why_model(choices),
        "  pipeline:",
        *_preparation(choices),
        f"    - model: {_estimator(choices)}",
    ]


def _why_model(choices: Choices) -> Iterator[str]:
    if choices.small:
        yield "  # A linear model first: with few rows it is hard to beat, and its result is easy to explain."
    else:
        yield "  # Boosted trees: strong on tables of this size, at home with missing numbers and uneven scales."


def _preparation(choices: Choices) -> list[str]:
    if not choices.table:
        return [f"    - {step}" for step in _number_steps(choices)]
    steps = _number_steps(choices)
    if not choices.categorical:
        return [f"    - {step}" for step in steps]
    lines = ["    - prepare:", "        columns:"]
    if choices.numeric:
        lines += ["          numbers:", "            select: numeric"]
        lines += ["            steps:", *(f"              - {step}" for step in steps or ["keep: passthrough"])]
    fill = "fill: {class: sklearn.impute.SimpleImputer, params: {strategy: constant, fill_value: (missing)}}"
    encode = (
        "encode: {class: sklearn.preprocessing.OneHotEncoder, "
        "params: {handle_unknown: ignore, max_categories: 30, sparse_output: false}}"
    )
    return [
        *lines,
        _with("          words:", "a missing category is a category of its own; rare ones share a column"),
        "            select: categorical",
        "            steps:",
        f"              - {fill}",
        f"              - {encode}",
    ]


def _number_steps(choices: Choices) -> list[str]:
    if not choices.small:
        return []
    fill = "fill: {class: sklearn.impute.SimpleImputer, params: {strategy: median, add_indicator: true}}"
    return [*([fill] if choices.gaps else []), "scale: sklearn.preprocessing.StandardScaler"]


def _estimator(choices: Choices) -> str:
    if choices.small and choices.classification:
        return "{class: sklearn.linear_model.LogisticRegression, params: {max_iter: 2000}}"
    if choices.small:
        return "sklearn.linear_model.Ridge"
    kind = "Classifier" if choices.classification else "Regressor"
    return f"sklearn.ensemble.HistGradientBoosting{kind}"


def _search(choices: Choices) -> list[str]:
    return [
        "search:",
        _with("  strategy: bayesian", "learns from results; grid, random and sobol do not"),
        "  space:",
        *(f"    {line}" for line in _space(choices)),
    ]


def _space(choices: Choices) -> Iterator[str]:
    if choices.small and choices.classification:
        yield _with("model.C: {float: [1.0e-3, 1.0e3], log: true}", "small: simple, large: close to the data", 38)
        yield "model.class_weight: {choice: [null, balanced]}"
    elif choices.small:
        yield _with("model.alpha: {float: [1.0e-3, 1.0e3], log: true}", "large: simple, small: close to the data", 38)
    else:
        yield "model.learning_rate: {float: [0.02, 0.5], log: true}"
        yield "model.max_iter: {int: [50, 400], log: true}"
        yield "model.max_leaf_nodes: {int: [4, 64], log: true}"
        yield "model.min_samples_leaf: {int: [5, 100], log: true}"
        yield "model.l2_regularization: {float: [1.0e-4, 100], log: true}"


def _evaluation(choices: Choices) -> list[str]:
    return [
        "evaluation:",
        _choice("  folds", choices.folds),
        _choice("  metrics", choices.metrics),
    ]


def _choice(key: str, choice: Choice) -> str:
    return _with(f"{key}: {choice.value}", choice.why)


def _with(line: str, comment: str, at: int = _COMMENT_AT) -> str:
    return f"{line:<{at}}  # {_one_line(comment)}"


def _one_line(text: str) -> str:
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())
