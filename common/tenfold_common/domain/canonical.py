"""One spelling per value: the JSON text that hashes, signatures and comparisons are made over."""

import hashlib
import json
from collections.abc import Mapping, Sequence

from tenfold_common.domain.words import ContentHash


def canonical_json(value: object) -> str:
    """The one JSON text of a value: sorted keys, no spaces, shortest floats that read back the same.

    Raises:
        ValueError: For NaN and infinities, which JSON does not have.
        TypeError: For anything that is not plain JSON data (mappings and sequences are taken as such).
    """
    return json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=False)


def content_hash(data: bytes) -> ContentHash:
    """SHA-256 of ``data`` as 64 hex digits."""
    return ContentHash(hashlib.sha256(data).hexdigest())


def hash_of(value: object) -> ContentHash:
    """The content hash of a value's canonical JSON."""
    return content_hash(canonical_json(value).encode())


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return [_plain(item) for item in value]
    return value
