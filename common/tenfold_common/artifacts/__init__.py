"""Content-addressed blobs: datasets, folds, specs, code bundles."""
