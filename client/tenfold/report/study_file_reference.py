"""The reference of the study file, docs/study-file.md, written from the models' own descriptions.

``python -m tenfold.report.study_file_reference`` prints it; a test holds the file in docs to it.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Final, cast

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from tenfold_common.domain import model_notation, space_notation, splitters, study_sections
from tenfold_common.domain.not_built_yet import NOT_BUILT
from tenfold_common.domain.study_file import StudyFile

_INTRODUCTION: Final = """\
# The study file

*Written from the models that read it, by `python -m tenfold.report.study_file_reference`. Do not edit.*

A study file is YAML 1.2 (or the same as JSON) and describes one tuning job completely: together with the data it
decides every trial. `tenfold check FILE` tells everything that is wrong with one, `tenfold init --data F --target C`
writes a first one, and `tenfold schema` prints a JSON Schema for editors.

- Unknown keys are errors, and so is a key whose feature is not built yet; nothing is accepted and ignored.
- `1e-3` is a number; `on`, `yes` and dates are text. Keys are text. Each key stands once.
- A duration is `90s`, `10m`, `1h30m`, `2d`, or a number of seconds.
- A path to code is `package.module.Name`, or `python:package.module:Name` for code of your own.
- Files and folders are found from the folder of the study file.

```yaml
{example}```
"""

EXAMPLE: Final = """\
name: digits-svc
seed: 42
data:
  source: sklearn:digits
  target: target
model:
  pipeline:
    - scale: sklearn.preprocessing.StandardScaler
    - svc: {class: sklearn.svm.SVC, params: {cache_size: 200}}
search:
  strategy: bayesian
  space:
    svc.C: {float: [1e-3, 1e3], log: true}
    svc.gamma: {float: [1e-5, 10], log: true}
    svc.kernel: {choice: [rbf, poly]}
    svc.degree: {int: [2, 5], when: {svc.kernel: poly}}
  start: [{svc.C: 1.0, svc.gamma: 0.01, svc.kernel: rbf}]
  constraints: ["svc.C * svc.gamma < 1000"]
evaluation:
  folds: {stratified: 5}
  metrics: [accuracy, f1_macro]
execution:
  fold_timeout: 10m
stopping: {trials: 60, time: 1h, target: 0.995, plateau: {trials: 20, min_delta: 0.0001}}
"""
"""The study file that the reference opens with."""

TABLE_EXAMPLE: Final = """\
name: readmission
data:
  source: patients.csv
  target: readmitted
  groups: patient
  drop: [row_id]
model:
  pipeline:
    - prepare:
        columns:
          numbers:
            select: numeric
            steps:
              - fill: {class: sklearn.impute.SimpleImputer, params: {add_indicator: true}}
              - scale: sklearn.preprocessing.StandardScaler
          words:
            select: [ward, diagnosis]
            steps:
              - encode: {class: sklearn.preprocessing.OneHotEncoder, params: {handle_unknown: ignore}}
        remainder: drop
    - boost:
        class: sklearn.ensemble.AdaBoostClassifier
        params: {estimator: {class: sklearn.tree.DecisionTreeClassifier, params: {max_depth: 2}}}
search:
  space:
    prepare.numbers.fill.strategy: {choice: [mean, median]}
    boost.n_estimators: {int: [20, 500], log: true}
    boost.estimator.min_samples_leaf: {int: [1, 50]}
evaluation:
  folds: {stratified-group: 5}
stopping: {trials: 40}
"""
"""A table with a column transformer, a nested estimator and groups."""

_SECTIONS: Final[tuple[tuple[str, str, type[BaseModel]], ...]] = (
    ("The whole file", "", StudyFile),
    ("data", "data", study_sections.Data),
    ("model", "model", model_notation.Model),
    ("search", "search", study_sections.Search),
    ("evaluation", "evaluation", study_sections.Evaluation),
    ("execution", "execution", study_sections.Execution),
    ("execution.resources", "execution.resources", study_sections.Resources),
    ("stopping", "stopping", study_sections.Stopping),
    ("stopping.plateau", "stopping.plateau", study_sections.PlateauSection),
    ("select", "select", study_sections.Select),
)
_STEPS: Final = (
    ("An estimator", model_notation.Estimator),
    ("A column transformer", model_notation.Columns),
    ("A group of columns", model_notation.ColumnGroup),
)


def reference_markdown() -> str:
    """The whole reference, Markdown."""
    parts = [_INTRODUCTION.format(example=EXAMPLE)]
    for title, _, section in _SECTIONS:
        parts.append(_section(title if title.startswith("The") else f"`{title}`", section))
        parts.extend(_inside(title))
    parts.append(_not_built_yet())
    return "\n".join(parts)


def _inside(section: str) -> Iterator[str]:
    """The notation that belongs to a section, after its table of keys."""
    match section:
        case "model":
            yield from (_section(title, kind, level=3) for title, kind in _STEPS)
            yield f"```yaml\n{TABLE_EXAMPLE}```\n"
        case "search":
            yield _kinds("What a parameter can be", space_notation.NOTATIONS, "search.space.NAME")
            yield (
                "Each may also have `when: {PARENT: VALUE}` or `when: {PARENT: [VALUE, VALUE]}`: it takes part only "
                "where every parent has (one of) these values, and is absent from the point elsewhere.\n"
            )
        case "evaluation":
            yield _kinds("What folds can be", splitters.NOTATIONS, "evaluation.folds")
            yield (
                "Options stand beside the kind, `{time-series: 5, gap: 1}`, or inside it, "
                "`{time-series: {folds: 5, gap: 1}}`. A kind that needs nothing said may be one word: "
                "`folds: leave-one-out`.\n"
            )


def _section(title: str, section: type[BaseModel], level: int = 2) -> str:
    lines = [f"{'#' * level} {title}", "", _cleaned(section.__doc__ or ""), ""]
    lines += ["| Key | Default | Meaning |", "| --- | --- | --- |"]
    for name, field in section.model_fields.items():
        lines.append(f"| `{field.alias or name}` | {_default(field)} | {_meaning(field)} |")
    return "\n".join([*lines, ""])


def _kinds(title: str, kinds: Mapping[str, type[BaseModel]], key: str) -> str:
    lines = [f"### {title}", "", f"One of these under `{key}`.", ""]
    lines += ["| Kind | Meaning | Options (and defaults) |", "| --- | --- | --- |"]
    for word, notation in kinds.items():
        main = next(field for field in notation.model_fields.values() if field.alias == word)
        default = "" if main.is_required() else f" ({_default(main)})"
        told = f"{_cleaned(notation.__doc__ or '')} {_meaning(main)}{default}"
        options = [
            f"`{name}` ({_default(field)}): {_meaning(field)}"
            for name, field in notation.model_fields.items()
            if field.alias is None and name != "when"
        ]
        lines.append(f"| `{word}` | {told} | {'<br>'.join(options)} |")
    return "\n".join([*lines, ""])


def _meaning(field: FieldInfo) -> str:
    words = _cleaned(field.description or "")
    examples = field.examples or ()
    shown = ", ".join(f"`{_flow(example)}`" for example in examples if example not in ({}, []))
    allowed = [f"`{word}`" for word in _words(field.annotation)]
    if allowed:
        words += f" One of {', '.join(allowed)}."
    return f"{words} For example {shown}." if shown else words


def _words(annotation: object) -> list[str]:
    """The words that an enumeration allows; none for any other type."""
    listed = isinstance(annotation, type) and issubclass(annotation, StrEnum)
    return [str(word) for word in cast("type[StrEnum]", annotation)] if listed else []


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is None or value is PydanticUndefined or isinstance(value, BaseModel) or value in ((), {}):
        return "none" if value is None else "empty" if not isinstance(value, BaseModel) else "as below"
    return f"`{_flow(value)}`"


def _flow(value: object) -> str:
    """A value as it may stand in the file, on one line."""
    match value:
        case dict():
            return f"{{{', '.join(f'{key}: {_flow(item)}' for key, item in value.items())}}}"
        case list() | tuple():
            return f"[{', '.join(map(_flow, value))}]"
        case str():
            return str(value)
        case _:
            return json.dumps(value)


def _cleaned(text: str) -> str:
    return " ".join(text.split()).replace("``", "`").replace("|", "\\|")


def _not_built_yet() -> str:
    lines = ["## Not built yet", "", "These are refused, so that nobody counts on them:", ""]
    for entry in NOT_BUILT:
        works = entry.works[0]
        instead = "must be left out" if works == () else f"must be `{_flow(works)}`"
        lines.append(f"- `{'.'.join(entry.path)}` ({entry.feature}): {instead}, which is the default.")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    sys.stdout.write(reference_markdown())
