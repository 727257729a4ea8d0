"""Small study files for the end-to-end tests, and the models they name."""

QUICK = """
name: {name}
seed: {seed}
data: {{source: "sklearn:iris"}}
model: {{estimator: sklearn.tree.DecisionTreeClassifier}}
search:
  strategy: {strategy}
  space:
    max_depth: {{int: [1, 8]}}
    min_samples_leaf: {{int: [1, 20], log: true}}
evaluation: {{folds: {{stratified: 3}}, metrics: [accuracy, f1_macro]}}
stopping: {{trials: {trials}}}
"""

SLOW_MODEL = '''
"""A model that takes its time, so that there is something to interrupt."""

import time

from sklearn.tree import DecisionTreeClassifier


class Slow(DecisionTreeClassifier):
    def fit(self, X, y, **rest):
        time.sleep(0.1)
        return super().fit(X, y, **rest)
'''

SLOW = """
name: slow
seed: 3
code: .
data: {source: "sklearn:iris"}
model: {estimator: "python:slow:Slow"}
search:
  strategy: random
  space:
    min_impurity_decrease: {float: [0.0, 0.3]}
evaluation: {folds: {stratified: 3}, metrics: [accuracy]}
stopping: {trials: 24}
"""

TROUBLE_MODEL = '''
"""A model that fails in every way there is, as its parameter says."""

import ctypes
import time

import numpy as np
from sklearn.dummy import DummyClassifier


class Trouble(DummyClassifier):
    def __init__(self, way="none", strategy="prior"):
        super().__init__(strategy=strategy)
        self.way = way

    def fit(self, X, y, **rest):
        if self.way == "raises":
            raise RuntimeError("this point does not suit me")
        if self.way == "segfaults":
            ctypes.string_at(0)
        if self.way == "hangs":
            time.sleep(3600)
        return super().fit(X, y, **rest)


def score(model, X, y):
    return float("nan") if model.way == "nan" else float(np.mean(model.predict(X) == y))
'''

TROUBLE = """
name: trouble
seed: 1
code: .
data: {source: "sklearn:iris"}
model: {estimator: "python:trouble:Trouble"}
search:
  strategy: grid
  space:
    way: {choice: [raises, nan, none, segfaults, hangs]}
    strategy: {choice: [prior, uniform]}
  constraints: ["way == 'none' or strategy == 'prior'"]
evaluation: {folds: {stratified: 2}, metrics: ["python:trouble:score"]}
execution: {fold_timeout: 1s}
"""

BAD = """
name: bad name
seed: -1
data: {source: "sklearn:iris", traget: x}
model: {estimator: sklearn.tree.DecisionTreeClassifier}
search:
  strategy: baysian
  space:
    max_depth: {int: [8, 1]}
evaluation: {folds: {stratifed: 3}}
stopping: {trials: none}
"""


def quick(name: str = "quick", *, trials: int = 10, seed: int = 1, strategy: str = "random") -> str:
    """A study whose trials take milliseconds."""
    return QUICK.format(name=name, trials=trials, seed=seed, strategy=strategy)
