"""Which software a result came from: versions of the distributions that matter, read without importing them."""

import platform
from collections.abc import Iterable
from functools import cache
from importlib import metadata
from typing import Final

ALWAYS: Final = ("numpy", "scipy", "scikit-learn", "tenfold")
"""Distributions whose version always matters to a score."""

_KNOWN: Final = {"sklearn": "scikit-learn", "skopt": "scikit-optimize", "yaml": "PyYAML", "cv2": "opencv-python"}


def software_versions(packages: Iterable[str] = ()) -> dict[str, str]:
    """Versions of Python, of what always matters, and of the named distributions that are installed, by name."""
    names = sorted({*ALWAYS, *packages})
    found = {name: version_of(name) for name in names}
    return {"python": platform.python_version()} | {name: text for name, text in found.items() if text is not None}


def version_of(distribution: str) -> str | None:
    """The installed version of a distribution; None if it is not installed."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def distribution_of(module: str) -> str | None:
    """The distribution that installs a module, such as scikit-learn for ``sklearn``; None for a local module."""
    top = module.partition(".")[0]
    for name in (_KNOWN.get(top), top):
        if name is not None and version_of(name) is not None:
            return name
    owners = _owners().get(top)
    return owners[0] if owners else None


@cache
def _owners() -> dict[str, list[str]]:
    return dict(metadata.packages_distributions())
