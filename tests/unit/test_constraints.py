"""Constraints: what they mean, and that a hostile one is harmless and quick."""

import time

import pytest

from tenfold_common.domain.constraints import Constraint
from tenfold_common.domain.words import Json

POINT: dict[str, Json] = {"svc.C": 10.0, "svc.kernel": "rbf", "n": 3, "layers": [50, 50], "flag": True, "none": None}


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("svc.C < 11", True),
        ("1 < n < 3", False),
        ("svc.kernel == 'rbf' and n in [1, 2, 3]", True),
        ("svc.kernel not in ('rbf', 'poly')", False),
        ("not flag", False),
        ("none == None", True),
        ("min(n, 2) * 2 == 4 and max(n, 5) == 5 and abs(-n) == 3", True),
        ("n ** 2 - n // 2 + n % 2 == 9", True),
        ("50 in layers", True),
        ("(n and 5) == 5", True),
        ("(0 or n) == 3", True),
        ("not (1 > 2 > 1 / 0)", True),
    ],
)
def test_a_condition_means_what_it_means_in_python(text: str, holds: bool) -> None:
    """Arithmetic, chains, membership, short circuits and the values of and/or are Python's."""
    assert Constraint(text).holds(POINT) is holds


def test_a_condition_on_an_absent_parameter_does_not_apply() -> None:
    """A parameter that takes no part cannot violate anything."""
    assert Constraint("degree < 3").holds(POINT)


@pytest.mark.parametrize("text", ["n / 0 > 1", "svc.kernel < 5", "layers > 3", "n % 0 == 0", "5 in n"])
def test_what_cannot_be_computed_does_not_hold(text: str) -> None:
    """An error in the middle of a search must not end it."""
    assert not Constraint(text).holds(POINT)


def test_dotted_names_are_known() -> None:
    """They are checked against the space."""
    assert Constraint("a.b.c < min(d, 3) or e").names == {"a.b.c", "d", "e"}


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "().__class__.__bases__",
        "(lambda: 1)()",
        "[x for x in layers]",
        "n if flag else 1",
        "f'{n}'",
        "layers[0] > 1",
        "{1: 2}",
        "min(n, key=abs)",
        "min(*layers)",
        "min()",
        "(n := 5) > 1",
        "n @ n",
        "n is None",
        "b'x' == n",
        "1j > 0",
        "...",
        "n = 3",
        "n <",
        "",
        "import os",
        "1if n",
        "'\\d' == n",
        "-" * 900 + "1",
        "(" * 400 + "1" + ")" * 400,
        "not " * 240 + "n",
        "+".join(["n"] * 400),
        "a." * 499 + "b()",
        "x" * 1001,
        "a\x00b",
    ],
)
def test_what_is_not_on_the_list_is_refused_in_words(text: str) -> None:
    """Calls, attributes of values, lambdas, comprehensions, deep nesting: a ValueError, and nothing is evaluated."""
    with pytest.raises(ValueError, match=r"is not allowed|is not an expression|may be nested|may have 1000"):
        Constraint(text)


@pytest.mark.parametrize(
    "text",
    [
        "'a' * 10**9 == n",
        "[1] * 10**9 == n",
        "layers * 10**9 == n",
        "9**9**9 > n",
        "((((9**64)**64)**64)**64)**64 > n",
        "'%99999999d' % n == n",
        "(-8) ** 0.5 > n",
        "1e308 * 1e308 < 0",
    ],
)
def test_a_condition_that_would_eat_the_machine_ends_at_once_and_does_not_hold(text: str) -> None:
    """Memory and time of one evaluation are bounded."""
    begun = time.perf_counter()
    assert not Constraint(text).holds(POINT)
    assert time.perf_counter() - begun < 0.5
