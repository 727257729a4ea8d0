"""Gives every source of randomness inside an estimator a seed of its own, derived from one.

A model whose ``random_state`` was left open must give the same result when its trial is run again; one that the user
fixed stays as it is.
"""

import hashlib
import inspect
from collections.abc import Iterator, Mapping
from typing import Any, Final

_SEEDS: Final = 2**31 - 1  # LightGBM and CatBoost keep seeds in signed 32-bit integers

# Any in this module: estimators of any library, and whatever was given to their constructors.
_Place = tuple[str, ...]


def set_random_states(estimator: Any, seed: int) -> None:
    """Set every ``random_state`` that is None, at any depth.

    Looks into pipelines, column transformers, ensembles, lists of named estimators and splitter objects. The seed of
    each depends only on ``seed`` and on the path to it, so that adding a step changes no other step's seed.
    """
    for place, holder in _open_states(estimator, ()):
        value = _derived(seed, place)
        if hasattr(holder, "set_params"):
            holder.set_params(random_state=value)
        else:
            holder.random_state = value


def _derived(seed: int, place: _Place) -> int:
    digest = hashlib.sha256("/".join((str(seed), *place)).encode()).digest()
    return int.from_bytes(digest[:8], "big") % _SEEDS


def _open_states(value: Any, place: _Place) -> Iterator[tuple[_Place, Any]]:
    """Every object whose ``random_state`` is open, with the path to it.

    Lazy on purpose: an object reached by two paths is closed by the time the second gets to it.
    """
    if isinstance(value, type):
        return
    if hasattr(value, "get_params"):
        params = value.get_params(deep=False)
        if _is_open(value, params):
            yield place, value
        yield from _inside(params, place)
    elif isinstance(value, Mapping):
        yield from _inside(value, place)
    elif isinstance(value, (list, tuple)):
        yield from _inside({_name(position, item): item for position, item in enumerate(value)}, place)
    elif getattr(value, "random_state", 0) is None:  # a splitter: it has no get_params
        yield place, value


def _inside(children: Mapping[Any, Any], place: _Place) -> Iterator[tuple[_Place, Any]]:
    for name, child in children.items():
        if child is not None and not isinstance(child, (str, int, float)):
            yield from _open_states(child, (*place, str(name)))


def _is_open(estimator: Any, params: Mapping[str, Any]) -> bool:
    if "random_state" in params or "random_seed" in params:
        return params.get("random_state", 0) is None
    # CatBoost's get_params tells only what was given, so look at what could be.
    return "random_state" in inspect.signature(type(estimator)).parameters


def _name(position: int, item: Any) -> str:
    """The name in ``(name, estimator, ...)``, or else the item's position."""
    named = isinstance(item, tuple) and len(item) > 1 and isinstance(item[0], str)
    return str(item[0]) if named else str(position)
