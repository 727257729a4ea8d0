"""Imports what a study file names by path, and says in plain words why that is not possible.

Two spellings: dotted (``sklearn.svm.SVC``) and ``python:package.module:Name``. This module runs import statements of
other people's code and must therefore only be used where that is wanted: in a client that checks a study, and in the
process that runs a trial; never in a scheduler or a worker's slot.
"""

import importlib
import importlib.util
import pkgutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from tenfold_common.errors import MisuseError

PYTHON: Final = "python:"

# Modules whose distribution has another name than they have.
_DISTRIBUTIONS: Final = {
    "catboost": "catboost",
    "cv2": "opencv-python",
    "imblearn": "imbalanced-learn",
    "lightgbm": "lightgbm",
    "PIL": "pillow",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "skopt": "scikit-optimize",
    "xgboost": "xgboost",
}
# scikit-learn hides these until a module is imported that says that the user knows what "experimental" means.
_EXPERIMENTAL: Final = {
    "IterativeImputer": "sklearn.experimental.enable_iterative_imputer",
    "HalvingGridSearchCV": "sklearn.experimental.enable_halving_search_cv",
    "HalvingRandomSearchCV": "sklearn.experimental.enable_halving_search_cv",
}


def load(path: str, *, beside: Path | None = None) -> Any:  # Any: whatever the path names
    """The object that ``path`` names.

    Args:
        path: ``package.module.Name`` or ``python:package.module:Name``.
        beside: Folder of a study file without a ``code:`` key: modules in it will not be there on a worker.

    Raises:
        MisuseError: If the path is malformed, its module cannot be imported, or has no such name.
    """
    module_name, attribute = _parts(path)
    module = _module(module_name, path, beside)
    if _is_forgotten(module_name, beside):  # found by this process's own path, which no worker has
        raise MisuseError(_forgotten(path, module_name))
    if attribute in _EXPERIMENTAL and module_name.startswith("sklearn."):
        importlib.import_module(_EXPERIMENTAL[attribute])
    found: object = module
    for name in attribute.split("."):
        if not hasattr(found, name):
            raise MisuseError(_no_such_name(path, found, name))
        found = getattr(found, name)
    return found


@contextmanager
def importing_from(folder: Path | None) -> Iterator[None]:
    """Let modules in ``folder`` be imported meanwhile, and forget them afterwards.

    They are forgotten so that the same process can check another study whose modules have the same names.
    """
    if folder is None:
        yield
        return
    place = str(folder.resolve())
    before = set(sys.modules)
    sys.path.insert(0, place)
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path.remove(place)
        for name in set(sys.modules) - before:
            if _lies_in(sys.modules[name], folder.resolve()):
                del sys.modules[name]


def nearest(word: str, known: Sequence[str]) -> str:
    """``; did you mean 'x'?`` for the known word nearest to ``word``; empty if none is near."""
    by_lower = {name.lower(): name for name in known}
    near = get_close_matches(word.lower(), list(by_lower))
    near.sort(key=lambda name: sorted(name) != sorted(word.lower()))  # swapped letters are the likelier slip
    return f"; did you mean {by_lower[near[0]]!r}?" if near else ""


def _parts(path: str) -> tuple[str, str]:
    if path.startswith(PYTHON):
        module, _, attribute = path.removeprefix(PYTHON).partition(":")
        form = "python:package.module:Name"
    else:
        module, _, attribute = path.rpartition(".")
        form = "package.module.Name (or python:package.module:Name)"
    words = [*module.split("."), *attribute.split(".")]
    if not all(word.isidentifier() for word in words):
        raise MisuseError(f"{path!r} is not a path to something in Python; write it as {form}")
    return module, attribute


def _module(name: str, path: str, beside: Path | None) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        missing = error.name or name
        if name == missing or name.startswith(missing + "."):
            raise MisuseError(_no_such_module(path, missing, beside)) from error
        raise MisuseError(f"{path!r}: the module {name!r} {_needs(missing)}") from error
    except Exception as error:  # importing runs any code there is; whatever it raises is told
        raise MisuseError(f"{path!r}: importing {name!r} failed with {type(error).__name__}: {error}") from error


def _no_such_module(path: str, missing: str, beside: Path | None) -> str:
    root, _, _ = missing.partition(".")
    if missing != root:
        parent, _, last = missing.rpartition(".")
        return f"{path!r}: {parent!r} has no module {last!r}{_nearest_submodule(parent, last)}{_elsewhere(path)}"
    if beside is not None and ((beside / f"{root}.py").is_file() or (beside / root).is_dir()):
        return _forgotten(path, root)
    if root in _DISTRIBUTIONS:
        return f"{path!r}: the module {root!r} is not installed; try: pip install {_DISTRIBUTIONS[root]}"
    near = nearest(root, ["sklearn", "python", *_DISTRIBUTIONS])
    return f"{path!r}: there is no module {root!r}" + (
        near or "; install the package that has it or, if it is your own, add `code: FOLDER` with its folder"
    )


def _is_forgotten(name: str, beside: Path | None) -> bool:
    root, _, _ = name.partition(".")
    file = getattr(sys.modules.get(root), "__file__", None)
    if beside is None or file is None:
        return False
    place = beside.resolve()
    return Path(file).resolve() in {place / f"{root}.py", place / root / "__init__.py"}


def _forgotten(path: str, name: str) -> str:
    root, _, _ = name.partition(".")
    return f"{path!r}: the module {root!r} lies beside the study file but is not part of it; add `code: .`"


def _needs(missing: str) -> str:
    root, _, _ = missing.partition(".")
    return f"needs {missing!r}, which is not installed; try: pip install {_DISTRIBUTIONS.get(root, root)}"


def _nearest_submodule(parent: str, last: str) -> str:
    module = sys.modules.get(parent)
    names = [found.name for found in pkgutil.iter_modules(getattr(module, "__path__", []))]
    return nearest(last, [name for name in names if not name.startswith("_")])


def _no_such_name(path: str, holder: object, name: str) -> str:
    where = getattr(holder, "__name__", type(holder).__name__)
    near = nearest(name, [known for known in dir(holder) if not known.startswith("_")])
    return f"{path!r}: {where!r} has no {name!r}{_elsewhere(path) or near}"


def _elsewhere(path: str) -> str:
    """Where scikit-learn keeps the estimator that the path ends with; empty if it has none of that name."""
    if not path.startswith("sklearn."):
        return ""
    from sklearn.utils.discovery import all_estimators

    name = path.rpartition(".")[2]
    for known, found in all_estimators():
        if known == name:
            public = ".".join(part for part in found.__module__.split(".") if not part.startswith("_"))
            return f"; did you mean '{public}.{name}'?"
    return ""


def _lies_in(module: ModuleType | None, folder: Path) -> bool:
    file = getattr(module, "__file__", None)
    return file is not None and folder in Path(file).resolve().parents
