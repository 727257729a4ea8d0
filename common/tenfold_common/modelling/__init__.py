"""From a study file to something that can be evaluated: estimators, metrics, folds, and the checks before a run.

Scikit-learn is imported inside functions only: a worker's slot and the command line can import these modules freely.
"""
