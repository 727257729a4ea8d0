"""How the worker learns what its machine is: the nursery, which has the libraries loaded, leaves a note."""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tenfold_common.domain.words import ContentHash, Json
from tenfold_common.errors import TransientError

_WAIT_S: Final = 0.02
_PATIENCE_S: Final = 60.0


class FingerprintNote:
    """A note in the folder where the worker's processes meet."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "fingerprint.json"
        self._read: tuple[ContentHash, Mapping[str, Json]] | None = None

    def write(self, fingerprint: ContentHash, facts: Mapping[str, Json]) -> None:
        """Leave the note, all of it at once."""
        draft = self._path.with_suffix(".draft")
        draft.write_text(json.dumps([fingerprint, facts]))
        draft.replace(self._path)

    def read(self, *, patience_s: float = _PATIENCE_S) -> tuple[ContentHash, Mapping[str, Json]]:
        """The hash and the facts; waits until they are known.

        Raises:
            TransientError: If they do not become known.
        """
        deadline_s = time.monotonic() + patience_s
        while self._read is None:
            if self._path.exists():
                fingerprint, facts = json.loads(self._path.read_text())
                self._read = ContentHash(fingerprint), facts
            elif time.monotonic() > deadline_s:
                raise TransientError(f"the worker has not found out what its machine is within {patience_s:g} s")
            else:
                time.sleep(_WAIT_S)
        return self._read
