"""Bad study files: every mistake gets its exact message, with the line it stands on."""

# ruff: noqa: E501  # messages are quoted whole, so that they can be searched for
import pytest

from tenfold_common.domain.study_file import read_study
from tenfold_common.errors import StudyFileError

GOOD = """\
name: digits-svc
seed: 42
data:
  source: sklearn:digits
model:
  pipeline:
    - scale: sklearn.preprocessing.StandardScaler
    - svc: {class: sklearn.svm.SVC, params: {cache_size: 200}}
search:
  strategy: bayesian
  space:
    svc.C: {float: [1e-3, 1e3], log: true}
    svc.kernel: {choice: [rbf, poly]}
    svc.degree: {int: [2, 5], when: {svc.kernel: poly}}
  start: [{svc.C: 1, svc.kernel: rbf}]
  constraints: ["svc.C < 500"]
evaluation:
  folds: {stratified: 5}
  metrics: [accuracy]
stopping: {trials: 60}
"""

# What is replaced in the good file, by what, and all that is said about it: ":line: key: message".
MISTAKES = [
    (
        "name: digits-svc",
        "name: digits svc",
        [
            ":1: name: 'digits svc' is no name for a study: letters, digits, '.', '_' and '-', beginning with a letter or digit, at most 100"
        ],
    ),
    ("name: digits-svc\n", "", [": name: is missing; add it"]),
    ("seed: 42", "seed: -1", [":2: seed: -1 is out of range: it must be at least 0"]),
    ("seed: 42", "seed: '42'", [":2: seed: '42' is not a whole number"]),
    ("seed: 42", "sede: 42", [":2: sede: unknown key; did you mean 'seed'?"]),
    ("seed: 42", "seed: 1.5", [":2: seed: 1.5 is not a whole number"]),
    (
        "seed: 42",
        "seed: 99999999999999999999",
        [":2: seed: 99999999999999999999 is out of range: it must be at most 9223372036854775807"],
    ),
    ("source: sklearn:digits", "source: 5", [":4: data.source: 5 is not text; put it in quotes if it is meant"]),
    (
        "source: sklearn:digits",
        "source: a.csv",
        [":3: data.target: is missing; a table (a.csv) needs the name of the column to predict"],
    ),
    (
        "source: sklearn:digits",
        "source: x\n  target: y\n  groups: y",
        [
            ":6: data.groups: 'y' is data.target already; name another",
            ":20: evaluation.folds: stratified would put rows of one group ('y') on both sides; use one of: group, stratified-group, leave-p-groups-out, predefined",
        ],
    ),
    (
        "source: sklearn:digits",
        "source: x\n  test_size: 0.2",
        [":5: data.test_size: 0.2: a sealed test set is not built yet; leave out data.test_size"],
    ),
    (
        "source: sklearn:digits",
        "source: x\n  test_size: 2",
        [":5: data.test_size: 2.0 is out of range: it must be less than 1.0"],
    ),
    (
        "source: sklearn:digits",
        "source: x\n  ordered: yes",
        [":5: data.ordered: 'yes' is neither true nor false; did you mean true?"],
    ),
    (
        "data:\n  source: sklearn:digits",
        "data: sklearn:digits",
        [":3: data: 'sklearn:digits' is not a mapping; write `key: value` lines below it, or {key: value}"],
    ),
    (
        "model:",
        "model:\n  estimator: sklearn.svm.SVC",
        [":5: model: has both `pipeline` and `estimator`; write one of them"],
    ),
    (
        "    - scale: sklearn.preprocessing.StandardScaler",
        "    - scale: StandardScaler",
        [
            ":7: model.pipeline[0].scale.class: 'StandardScaler' is not a path; write package.module.Name or python:package.module:Name"
        ],
    ),
    (
        "    - scale: sklearn.preprocessing.StandardScaler",
        "    - sklearn.preprocessing.StandardScaler",
        [":7: model.pipeline[0]: 'sklearn.preprocessing.StandardScaler' is no step: write `- name: class.path`"],
    ),
    (
        "    - scale: sklearn.preprocessing.StandardScaler",
        "    - scale: {clas: a.b}",
        [":7: model.pipeline[0].scale: has neither `class` nor `columns`; did you mean 'class'?"],
    ),
    (
        "    - scale: sklearn.preprocessing.StandardScaler",
        "    - svc: a.b",
        [":8: model.pipeline[1].svc: two steps are called 'svc'; rename one"],
    ),
    (
        "    - scale: sklearn.preprocessing.StandardScaler",
        "    - scale: {class: a.b, parms: {}}",
        [":7: model.pipeline[0].scale.parms: unknown key; did you mean 'params'?"],
    ),
    (
        "    - scale: sklearn.preprocessing.StandardScaler",
        "    - scale: {class: a.b, params: {estimator: {class: 5}}}",
        [":7: model.pipeline[0].scale.params.estimator.class: 5 is not text; put it in quotes if it is meant"],
    ),
    (
        "    - scale: sklearn.preprocessing.StandardScaler",
        "    - s-c: a.b",
        [
            ":7: model.pipeline[0]: 's-c' is no name for a step: use letters, digits and single _, beginning with a letter"
        ],
    ),
    (
        "    - svc: {class: sklearn.svm.SVC, params: {cache_size: 200}}",
        "    - svc: passthrough",
        [":8: model.pipeline[1].svc: the last step must be an estimator: it makes the predictions"],
    ),
    (
        "    - scale: sklearn.preprocessing.StandardScaler",
        "    - scale: {columns: {num: {select: numerc, steps: [a: b.c]}}}",
        [
            ":7: model.pipeline[0].scale.columns.num.select: 'numerc' is neither numeric nor categorical; did you mean 'numeric'? (one column is written [numerc])"
        ],
    ),
    (
        "    - scale: sklearn.preprocessing.StandardScaler",
        "    - scale: {columns: {num: {select: [1], steps: []}}, remainder: dorp}",
        [
            ":7: model.pipeline[0].scale.columns.num.select: 1 is not the name of a column; put it in quotes if it is meant",
            ":7: model.pipeline[0].scale.columns.num.steps: [] is not a list of steps; write `- name: class.path` for each",
            ":7: model.pipeline[0].scale.remainder: 'dorp' is not allowed; did you mean 'drop'?",
        ],
    ),
    ("bayesian", "baysian", [":10: search.strategy: there is no strategy 'baysian'; did you mean 'bayesian'?"]),
    (
        "bayesian",
        "grid",
        [
            ":12: search.space.svc.C: strategy grid: a float range has no natural grid: add `points: N` (or `step:`) to it"
        ],
    ),
    (
        "svc.C: {float",
        "svm.C: {float",
        [":12: search.space.svm.C: the pipeline has no step 'svm'; did you mean 'svc'?"],
    ),
    ("svc.C: {float", "C: {float", [":12: search.space.C: 'C' does not say of which step; did you mean 'svc.C'?"]),
    (
        "svc.C: {float",
        "svc__C: {float",
        [":12: search.space.svc__C: 'svc__C': parts of a name are joined by a dot here; write 'svc.C'"],
    ),
    (
        "svc.C: {float",
        "svc C: {float",
        [":12: search.space.svc C: 'svc C' is not a parameter name: words of letters, digits and _ joined by dots"],
    ),
    (
        "svc.C: {float",
        "svc.cache_size: {float",
        [
            ":12: search.space.svc.cache_size: the model fixes it at 200 already; take it out of one of the two places",
            ":15: search.start[0]: 'svc.cache_size' is missing",
            ":15: search.start[0].svc.C: is no parameter of the space; known are: svc.cache_size, svc.kernel, svc.degree",
            ":16: search.constraints[0]: 'svc.C' is no parameter; known are: svc.cache_size, svc.kernel, svc.degree",
        ],
    ),
    (
        "[1e-3, 1e3], log: true",
        "[1e3, 1e-3], log: true",
        [":12: search.space.svc.C: the low end 1000.0 must be below the high end 0.001"],
    ),
    (
        "[1e-3, 1e3], log: true",
        "[0, 1e3], log: true",
        [":12: search.space.svc.C: a log range must start above 0, not at 0.0"],
    ),
    ("[1e-3, 1e3], log: true", "[a, 1e3]", [":12: search.space.svc.C.float[0]: 'a' is not a number"]),
    (
        "[1e-3, 1e3], log: true",
        "[1]",
        [":12: search.space.svc.C.float: [1] is not a pair of numbers in brackets, such as [1, 10]"],
    ),
    (
        "{float: [1e-3, 1e3], log: true}",
        "{flaot: [1, 2]}",
        [":12: search.space.svc.C: names no distribution; did you mean 'float'?"],
    ),
    (
        "{float: [1e-3, 1e3], log: true}",
        "{float: [1, 2], lgo: true}",
        [":12: search.space.svc.C.lgo: unknown key; did you mean 'log'?"],
    ),
    (
        "{float: [1e-3, 1e3], log: true}",
        "5",
        [":12: search.space.svc.C: 5 is no distribution; a fixed value (5) belongs under model, in `params`"],
    ),
    (
        "{float: [1e-3, 1e3], log: true}",
        "{float: [1, 2], int: [1, 2]}",
        [":12: search.space.svc.C: two distributions, 'float' and 'int'; keep one"],
    ),
    (
        "{float: [1e-3, 1e3], log: true}",
        "{float: [1, 2], log: yes}",
        [":12: search.space.svc.C.log: 'yes' is neither true nor false; did you mean true?"],
    ),
    (
        "{float: [1e-3, 1e3], log: true}",
        "[1, 2]",
        [":12: search.space.svc.C: [1, 2] is no distribution; to try several values write {choice: [...]}"],
    ),
    (
        "choice: [rbf, poly]",
        "choice: []",
        [":13: search.space.svc.kernel: the list of values is empty: name at least one"],
    ),
    ("choice: [rbf, poly]", "choice: [rbf, rbf]", [':13: search.space.svc.kernel: the value "rbf" is listed twice']),
    (
        "choice: [rbf, poly]",
        "choice: rbf",
        [":13: search.space.svc.kernel.choice: 'rbf' is not a list; write the values in brackets: ['rbf', ...]"],
    ),
    (
        "{svc.kernel: poly}}",
        "{svc.kernal: poly}}",
        [":14: search.space.svc.degree.when.svc.kernal: is no parameter of the space; did you mean 'svc.kernel'?"],
    ),
    (
        "{svc.kernel: poly}}",
        "{svc.kernel: sigmoid}}",
        [
            ':14: search.space.svc.degree.when.svc.kernel: \'sigmoid\' is not a value of svc.kernel, which is one of "rbf", "poly"'
        ],
    ),
    (
        "{svc.kernel: poly}}",
        "{svc.degree: 2}}",
        [":14: search.space.svc.degree.when.svc.degree: a parameter cannot depend on itself"],
    ),
    (
        "{svc.kernel: poly}}",
        "{svc.kernel: []}}",
        [
            ":14: search.space.svc.degree.when.svc.kernel: the list of values is empty: the parameter would never be active"
        ],
    ),
    (
        "choice: [rbf, poly]}",
        "choice: [rbf, poly], when: {svc.degree: 3}}",
        [":11: search.space: the conditions of 'svc.kernel', 'svc.degree' depend on each other in a circle"],
    ),
    (
        "start: [{svc.C: 1, svc.kernel: rbf}]",
        "start: {svc.C: 1}",
        [':15: search.start: {"svc.C": 1} is not a list; begin each item with a dash'],
    ),
    (
        "start: [{svc.C: 1, svc.kernel: rbf}]",
        "start: [{svc.C: 1, svc.kernel: rbff}]",
        [":15: search.start[0]: 'svc.kernel': 'rbff' is not one of \"rbf\", \"poly\""],
    ),
    (
        "start: [{svc.C: 1, svc.kernel: rbf}]",
        "start: [{svc.c: 1, svc.kernel: poly}]",
        [
            ":15: search.start[0]: 'svc.C' is missing",
            ":15: search.start[0]: 'svc.degree' is missing",
            ":15: search.start[0].svc.c: is no parameter of the space; did you mean 'svc.C'?",
        ],
    ),
    (
        "start: [{svc.C: 1, svc.kernel: rbf}]",
        "start: [{svc.C: 600, svc.kernel: rbf}]",
        [":15: search.start[0]: violates the constraint 'svc.C < 500'"],
    ),
    (
        '"svc.C < 500"',
        '"svc.c < 500"',
        [":16: search.constraints[0]: 'svc.c' is no parameter; did you mean 'svc.C'?"],
    ),
    (
        '"svc.C < 500"',
        '"svc.C.real() < 500"',
        [
            ":16: search.constraints[0]: 'svc.C.real()' is not allowed in a constraint; use numbers, text, parameter names, + - * / // % **, comparisons, and/or/not, in [...], min, max, abs"
        ],
    ),
    ('"svc.C < 500"', '"svc.C <"', [":16: search.constraints[0]: 'svc.C <' is not an expression: invalid syntax"]),
    (
        "{stratified: 5}",
        "{stratfied: 5}",
        [":18: evaluation.folds: 'stratfied' is no kind of folds; did you mean 'stratified'?"],
    ),
    (
        "{stratified: 5}",
        "5",
        [":18: evaluation.folds: 5 does not say which kind of folds; write {stratified: 5} or {kfold: 5}"],
    ),
    (
        "{stratified: 5}",
        "{stratified: 1}",
        [":18: evaluation.folds.stratified: 1 is out of range: it must be at least 2"],
    ),
    (
        "{stratified: 5}",
        "{group: 5}",
        [":18: evaluation.folds: group needs data.groups: name the column whose equal values belong together"],
    ),
    (
        "{stratified: 5}",
        "{time-series: 5}",
        [
            ":18: evaluation.folds: time-series needs the order of the rows: name its column as data.time, or write data.ordered: true"
        ],
    ),
    (
        "{stratified: 5}",
        "{stratified: {folds: 5, shufle: 1}}",
        [":18: evaluation.folds.stratified.shufle: unknown key; did you mean 'shuffle'?"],
    ),
    (
        "{stratified: 5}",
        "{time-series: {folds: 5,\n      gap: -1}}",
        [":19: evaluation.folds.time-series.gap: -1 is out of range: it must be at least 0"],
    ),
    (
        "{stratified: 5}",
        "{stratified: 5, kfold: 5}",
        [":18: evaluation.folds: two kinds of folds, 'stratified' and 'kfold'; keep one"],
    ),
    (
        "{stratified: 5}",
        "holdout",
        [":18: evaluation.folds: 'holdout' needs its test_size: write for example {holdout: 0.25}"],
    ),
    (
        "{stratified: 5}",
        "{holdout: 1.5}",
        [":18: evaluation.folds.holdout: 1.5 is out of range: it must be less than 1.0"],
    ),
    ("[accuracy]", "accuracy", [":19: evaluation.metrics: 'accuracy' is not a list; write [accuracy]"]),
    (
        "[accuracy]",
        "[]",
        [":19: evaluation.metrics: the list of metrics is empty; name one, or leave `metrics` out for the usual one"],
    ),
    ("[accuracy]", "[a, a]", [":19: evaluation.metrics[1]: 'a' is listed twice"]),
    (
        "{trials: 60}",
        "{target: 0.9}",
        [":20: stopping: nothing bounds the study; add `trials: 60` or `time: 1h` (only a grid ends by itself)"],
    ),
    ("{trials: 60}", "{trials: 0}", [":20: stopping.trials: 0 is out of range: it must be at least 1"]),
    (
        "{trials: 60}",
        "{trials: 60, time: 5 minutes}",
        [":20: stopping.time: '5 minutes' is not a duration; write 90s, 10m, 1h30m, 2d or a number of seconds"],
    ),
    (
        "{trials: 60}",
        "{trials: 60, plateau: 5}",
        [":20: stopping.plateau: 5 is not a mapping; write `key: value` lines below it, or {key: value}"],
    ),
    ("{trials: 60}", "{trials: 60, plateau: {}}", [":20: stopping.plateau.trials: is missing; add it"]),
    (
        "stopping:",
        "environment: strict\nstopping:",
        [
            ":20: environment: 'strict': holding workers to the study's package versions is not built yet; leave out environment"
        ],
    ),
    (
        "stopping:",
        "environment: lax\nstopping:",
        [":20: environment: 'lax' is not allowed; known are: strict, warn, record"],
    ),
    (
        "stopping:",
        "select: {rule: posterior, confirm: 3}\nstopping:",
        [
            ":20: select.confirm: 3: scoring the best trials again on fresh folds is not built yet; leave out select.confirm",
            ":20: select.rule: 'posterior': another rule for the winner is not built yet; leave out select.rule",
        ],
    ),
    (
        "stopping:",
        "execution: {order: free, lag: 0, resources: {gpu: 1}, labels: [x], attempts: 0, fold_timeout: -3}\nstopping:",
        [
            ":20: execution.attempts: 0 is out of range: it must be at least 1",
            ":20: execution.fold_timeout: a duration must be more than 0 seconds, not -3",
            ':20: execution.labels: ["x"]: labels of workers is not built yet; leave out execution.labels',
            ":20: execution.lag: 0 is neither auto nor a whole number of trials from 1 to 10000",
            ":20: execution.order: 'free': suggestions in free order is not built yet; leave out execution.order",
            ":20: execution.resources.gpu: 1: trials on GPUs is not built yet; leave out execution.resources.gpu",
        ],
    ),
    (
        "stopping:",
        "execution: {order: fre}\nstopping:",
        [":20: execution.order: 'fre' is not allowed; did you mean 'free'?"],
    ),
]


def told(text: str, strategies: tuple[str, ...] | None = None) -> list[str]:
    """Everything a person is told about a study file."""
    with pytest.raises(StudyFileError) as caught:
        read_study(text, source="study.yaml", strategies=strategies)
    return [line.removeprefix("study.yaml") for line in str(caught.value).splitlines()]


@pytest.mark.parametrize(("good", "bad", "messages"), MISTAKES, ids=[bad.strip()[:40] for _, bad, _ in MISTAKES])
def test_a_mistake_is_told_with_its_line_key_value_and_rule(good: str, bad: str, messages: list[str]) -> None:
    """One mistake, one message (several where it has several consequences)."""
    assert GOOD.count(good) >= 1
    assert told(GOOD.replace(good, bad, 1)) == messages


def test_all_problems_are_told_at_once_in_the_order_of_the_file() -> None:
    """Wrong keys, wrong values, unbuilt features and broken rules between sections need one run, not five."""
    text = """\
name: all wrong
sed: 1
data: {source: table.csv, test_size: 0.2, groups: site}
model: {pipeline: [svc: sklearn.svm.SVC]}
search:
  strategy: gird
  space:
    svc.C: {float: [1, 2], lgo: true}
    svc.gamma: {float: [2, 1]}
    svc.degree: {int: [2, 5], when: {svc.kernal: poly}}
    svc.kernel: {choice: [rbf, poly]}
  constraints: ["svc.gama < 1"]
  start: [{svc.kern: rbf}]
evaluation: {folds: {stratified: 5}, metrics: [accuracy, accuracy]}
execution: {attempts: 0}
select: {confirm: 5}
name: twice
"""
    keys = [message.split(": ")[0] + ": " + message.split(": ")[1] for message in told(text)]
    assert keys == [
        ":2: sed",
        ":3: data.target",
        ":3: data.test_size",
        ":6: search.strategy",
        ":8: search.space.svc.C.lgo",
        ":9: search.space.svc.gamma",
        ":10: search.space.svc.degree.when.svc.kernal",
        ":12: search.constraints[0]",
        ":13: search.start[0].svc.kern",
        ":14: evaluation.folds",
        ":14: evaluation.metrics[1]",
        ":15: execution.attempts",
        ":16: select.confirm",
        ":17: name",
        ": stopping",
    ]


def test_a_strategy_is_held_to_the_installed_ones_where_they_are_known() -> None:
    """A plug-in passes unless the caller knows that there is none of that name."""
    text = GOOD.replace("bayesian", "my-plug-in")
    assert read_study(text, source="study.yaml").study.search.strategy == "my-plug-in"
    assert read_study(text, source="study.yaml", strategies=["my-plug-in"]).study.search.strategy == "my-plug-in"
    assert told(text, strategies=("grid", "my-plugin")) == [
        ":10: search.strategy: there is no strategy 'my-plug-in'; did you mean 'my-plugin'?"
    ]


def test_groups_and_time_together_leave_only_predefined_folds() -> None:
    """No splitter protects both, and silently protecting one of them would be a lie."""
    data = "data: {source: t.csv, target: y, groups: site, time: day}"
    text = GOOD.replace("data:\n  source: sklearn:digits", data)
    (message,) = told(text)
    assert message.startswith(":3: data.groups: no splitter keeps groups ('site') together and time in order at once")
    read_study(text.replace("{stratified: 5}", "{predefined: fold}"), source="study.yaml")


@pytest.mark.parametrize("folds", ["{kfold: 5}", "{kfold: 5, shuffle: false}", "{shuffle-split: 5}", "leave-one-out"])
def test_time_is_never_shuffled(folds: str) -> None:
    """Every splitter that could train on the future is refused where the order of the rows is time."""
    for order in ("time: day", "ordered: true"):
        text = GOOD.replace("source: sklearn:digits", f"source: rows.npz\n  {order}").replace(
            "{stratified: 5}", folds
        )
        (message,) = told(text)
        assert "would train on what comes later in time" in message


def test_a_holdout_of_data_in_time_order_is_its_end_unless_shuffled_which_is_refused() -> None:
    """Shuffling is the default of a holdout, but not where that would mix past and future."""
    text = GOOD.replace("source: sklearn:digits", "source: rows.npz\n  time: day")
    splitter = read_study(text.replace("{stratified: 5}", "{holdout: 0.2}"), source="f").study.splitter
    assert splitter is not None
    assert splitter.shuffle is False
    assert len(told(text.replace("{stratified: 5}", "{holdout: 0.2, shuffle: true}"))) == 1


@pytest.mark.parametrize(
    "folds", ["{kfold: 5}", "{stratified: 5}", "{repeated-kfold: 5}", "{shuffle-split: 5}", "{holdout: 0.2}"]
)
def test_groups_are_never_split(folds: str) -> None:
    """Naming a group column and a splitter that ignores it is a contradiction, not a preference."""
    text = GOOD.replace("source: sklearn:digits", "source: rows.npz\n  groups: site").replace(
        "{stratified: 5}", folds
    )
    (message,) = told(text)
    assert "would put rows of one group ('site') on both sides" in message


EVERY_KEY = "a study file has the keys name, seed, data, model, search, evaluation, execution, stopping, select, environment, code"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", f":1: the file is empty; {EVERY_KEY}"),
        ("- a\n- b\n", f':1: the file is not a mapping but ["a", "b"]; {EVERY_KEY}'),
        ("name: x\ndata:\n\tsource: y\n", ":3: not readable as YAML: a tab where only spaces may stand; indent with spaces"),
        ("name: a: b\n", ":1: not readable as YAML: mapping values are not allowed here; check the indentation, and put text that holds ': ' in quotes"),
    ],
)  # fmt: skip
def test_an_unreadable_file_is_one_clear_problem(text: str, message: str) -> None:
    """Nothing else is guessed about it."""
    assert told(text) == [message]
