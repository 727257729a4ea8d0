"""The hands: claims assignments, runs folds, sends results. Holds no state worth saving."""
