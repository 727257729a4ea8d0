"""Where data comes from and where it is kept: sources by name, datasets by content hash.

A source is read once, when a study is submitted; afterwards everybody opens the stored dataset by its hash.
"""

import tempfile
from collections import OrderedDict
from pathlib import Path
from threading import Lock

from tenfold_common.data.dataset import Dataset, no_column, open_dataset, write_dataset
from tenfold_common.domain.words import ContentHash
from tenfold_common.errors import DataError
from tenfold_common.ports import Artifacts

_KEPT_OPEN = 4


def load_source(source: str, *, target: str | None, base: Path, code: Path | None = None) -> Dataset:
    """Read data from where the study file says it is.

    Args:
        source: ``sklearn:digits``, ``python:package.module:function``, or a path or fsspec URL ending in ``.csv``,
            ``.tsv`` (also compressed), ``.parquet`` or ``.npz``.
        target: Name of the target; checked, and given to a target that comes without one.
        base: The study file's folder: relative paths and modules are looked up there.
        code: Another folder in which modules are looked up.

    Raises:
        DataError: In one sentence, if the data is missing, unreadable, empty or without the target.
    """
    dataset = _read(source, target, base, code)
    if target is not None and target not in dataset.column_names:
        raise DataError(f"{source}: {no_column(target, dataset.column_names)}")
    return dataset


def store_dataset(dataset: Dataset, artifacts: Artifacts) -> ContentHash:
    """Keep a dataset as an artifact; equal data is kept once."""
    with tempfile.TemporaryDirectory(prefix="tenfold-data-") as folder:
        path = Path(folder) / "dataset"
        write_dataset(dataset, path)
        return artifacts.put_file(path)


def open_stored(artifacts: Artifacts, data_hash: ContentHash) -> Dataset:
    """Open a kept dataset, memory-mapped; a process opens each of the last few only once.

    Raises:
        NotFoundError: If it was never stored.
        DataError: If its content is damaged.
    """
    return _OPENED.get(artifacts, data_hash)


class _Opened:
    """The datasets a process used last. A hash names its content, so which store it came from does not matter."""

    def __init__(self, size: int) -> None:
        self._datasets: OrderedDict[ContentHash, Dataset] = OrderedDict()
        self._lock = Lock()
        self._size = size

    def get(self, artifacts: Artifacts, data_hash: ContentHash) -> Dataset:
        with self._lock:
            dataset = self._datasets.get(data_hash)
            if dataset is None:
                dataset = self._datasets[data_hash] = open_dataset(artifacts.local(data_hash))
            self._datasets.move_to_end(data_hash)
            if len(self._datasets) > self._size:
                self._datasets.popitem(last=False)
            return dataset


_OPENED = _Opened(_KEPT_OPEN)


def _read(source: str, target: str | None, base: Path, code: Path | None) -> Dataset:
    scheme, _, rest = source.partition(":")
    if scheme == "sklearn":
        from tenfold_common.data.functions import read_sklearn

        return read_sklearn(rest, target)
    if scheme == "python":
        from tenfold_common.data.functions import read_python

        return read_python(rest.strip(), target, [base] if code is None else [base, code])
    from tenfold_common.data.files import read_file

    return read_file(source, base)
