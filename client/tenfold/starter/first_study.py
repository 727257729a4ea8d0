"""The study file that ``tenfold init`` writes when it is given no data: the digits that come with scikit-learn."""

from typing import Final

FIRST_STUDY: Final = """\
# A first study: tune a support vector classifier on the digits that come with scikit-learn.
#
#     tenfold check {file}      shows the plan
#     tenfold run {file}        runs it here; again, to resume or to see the result
#
# Then change `data` and `model` to your own, or let `tenfold init --data FILE --target COLUMN` look at your data.

name: first-study
seed: 42                                  # all randomness derives from it: the same seed, the same trials

data:
  source: sklearn:digits                  # or a .csv, .parquet or .npz file, a URL, python:module:function
  target: target                          # what is predicted

model:
  pipeline:                               # or a single  estimator: sklearn.svm.SVC
    - scale: sklearn.preprocessing.StandardScaler
    - svc: sklearn.svm.SVC                # fixed parameters: {{class: sklearn.svm.SVC, params: {{cache_size: 500}}}}

search:
  strategy: bayesian                      # learns from results; grid, random and sobol do not
  space:
    svc.C: {{float: [1.0e-3, 1.0e3], log: true}}
    svc.gamma: {{float: [1.0e-5, 10], log: true}}
    svc.kernel: {{choice: [rbf, poly]}}
    svc.degree: {{int: [2, 5], when: {{svc.kernel: poly}}}}   # only where the kernel is a polynomial

evaluation:
  folds: {{stratified: 5}}                # every fold holds each digit in the same proportion
  metrics: [accuracy, f1_macro]           # the first is optimised

stopping:
  trials: 30
"""


def first_study(file: str) -> str:
    """The text.

    Args:
        file: Name of the file it is written to, for the commands in its header.
    """
    return FIRST_STUDY.format(file=file)
