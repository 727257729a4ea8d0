"""Data that code makes: scikit-learn's built-in data sets and the user's own functions.

The user's modules are looked up in the folders given, only while the call lasts.
"""

import importlib
import inspect
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType

from tenfold_common.data.arrays import dataset_from_result
from tenfold_common.data.dataset import Dataset
from tenfold_common.errors import DataError


def read_sklearn(name: str, target: str | None) -> Dataset:
    """A data set that scikit-learn can load or fetch: ``digits``, ``load_digits``, ``california_housing``.

    Raises:
        DataError: For an unknown name, a failed download, or a function that makes something else.
    """
    loaders = _sklearn_loaders()
    short = name.removeprefix("load_").removeprefix("fetch_")
    if short not in loaders:
        near = get_close_matches(short, loaders, n=1)
        guess = f"; did you mean 'sklearn:{near[0]}'?" if near else f"; there are: {', '.join(sorted(loaders))}"
        raise DataError(f"scikit-learn has no data set named {name!r}{guess}")
    try:
        result = loaders[short]()
    except Exception as error:  # downloads fail in as many ways as there are libraries below them
        raise DataError(
            f"sklearn:{name} could not be loaded ({type(error).__name__}: {error}); data sets that scikit-learn "
            f"fetches need a network the first time, and those that need arguments a function of your own (python:…)"
        ) from error
    return _understood(result, target, f"sklearn:{name}")


def read_python(path: str, target: str | None, folders: Sequence[Path]) -> Dataset:
    """What a function of the user's makes.

    Args:
        path: ``package.module:function``; the function takes no arguments.
        target: Name for a target that comes without one.
        folders: Where modules are looked up before everywhere else.

    Raises:
        DataError: If there is no such function, it fails, or it returns something that is no data.
    """
    module_name, separator, function_name = path.partition(":")
    if not separator or not module_name or not function_name:
        raise DataError(f"'python:{path}' is not of the form python:package.module:function")
    with _importable(module_name, folders):
        function = _function(_imported(module_name, folders), function_name)
        try:
            result = function()
        except Exception as error:  # the user's code may raise anything
            raise DataError(f"python:{path} raised {_last_line(error)}") from error
        return _understood(result, target, f"python:{path}")


def _understood(result: object, target: str | None, source: str) -> Dataset:
    try:
        return dataset_from_result(result, target)
    except DataError as error:
        raise DataError(f"{source} did not give usable data: {error}") from error


def _sklearn_loaders() -> dict[str, Callable[[], object]]:
    from sklearn import datasets

    loaders = {}
    for name in datasets.__all__:
        prefix, _, short = name.partition("_")
        if prefix in {"load", "fetch"} and _callable_without_arguments(getattr(datasets, name)):
            loaders[short] = getattr(datasets, name)
    return loaders


def _callable_without_arguments(function: Callable[..., object]) -> bool:
    parameters = inspect.signature(function).parameters.values()
    return all(parameter.default is not parameter.empty for parameter in parameters)


@contextmanager
def _importable(module_name: str, folders: Sequence[Path]) -> Iterator[None]:
    """Put the folders on the import path; afterwards forget the module, so that an edited one is read again."""
    top = module_name.partition(".")[0]
    before, path = set(sys.modules), list(sys.path)
    sys.path[:0] = [str(folder.absolute()) for folder in folders]
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path[:] = path
        for name in set(sys.modules) - before:
            if name == top or name.startswith(f"{top}."):
                del sys.modules[name]


def _imported(name: str, folders: Sequence[Path]) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            places = " and ".join(str(folder) for folder in folders)
            raise DataError(
                f"there is no module {name!r}, neither in {places} nor among the installed packages"
                f"{_near(name, folders)}"
            ) from error
        raise DataError(f"module {name!r} needs {error.name!r}, which is not installed") from error
    except Exception as error:  # importing runs the user's code
        raise DataError(f"module {name!r} cannot be imported: {_last_line(error)}") from error


def _near(name: str, folders: Sequence[Path]) -> str:
    stems = {path.stem for folder in folders if folder.is_dir() for path in folder.glob("*.py")}
    near = get_close_matches(name, sorted(stems), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _function(module: ModuleType, name: str) -> Callable[[], object]:
    found: object = getattr(module, name, None)
    if callable(found):
        return found
    if found is not None:
        raise DataError(f"{module.__name__}:{name} is a {type(found).__name__}; the data comes from a function")
    known = [each for each, value in vars(module).items() if callable(value) and not each.startswith("_")]
    near = get_close_matches(name, known, n=1)
    guess = f"did you mean {near[0]!r}?" if near else f"it has: {', '.join(known[:10]) or 'no functions'}"
    raise DataError(f"module {module.__name__!r} has no function {name!r}; {guess}")


def _last_line(error: BaseException) -> str:
    text = "".join(traceback.format_exception_only(error)).strip().splitlines()[-1]
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return text
    return f"{text} ({Path(frames[-1].filename).name}, line {frames[-1].lineno}, in {frames[-1].name})"
