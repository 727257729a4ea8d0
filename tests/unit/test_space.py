"""The search space: conditions, points people give, the grid."""

import pytest

from tenfold_common.domain.constraints import Constraint
from tenfold_common.domain.distributions import FloatRange, IntRange, Options
from tenfold_common.domain.space import Parameter, Space, point_key

KERNEL = Parameter(name="svc.kernel", distribution=Options(values=("rbf", "poly")))
DEGREE = Parameter(name="svc.degree", distribution=IntRange(low=2, high=4), when={"svc.kernel": ("poly",)})
C = Parameter(name="svc.C", distribution=FloatRange(low=1, high=100, log=True), points=3)


def test_parents_come_before_their_children_whatever_the_order_given() -> None:
    """A child written first is placed right after its parent; the rest keeps its order."""
    assert Space([DEGREE, C, KERNEL]).names == ("svc.C", "svc.kernel", "svc.degree")


def test_an_inactive_parameter_is_absent_from_the_point() -> None:
    """With another kernel there is no degree, not a degree of None."""
    space = Space([KERNEL, DEGREE])
    assert space.from_units([0.1, 0.5]) == {"svc.kernel": "rbf"}
    assert space.from_units([0.9, 0.5]) == {"svc.kernel": "poly", "svc.degree": 3}
    assert space.to_units({"svc.kernel": "rbf"}) == [0.25, None]


def test_a_grandchild_is_inactive_where_its_parent_is() -> None:
    """Conditions chain: what is absent activates nothing."""
    coef = Parameter(name="coef", distribution=Options(values=(0, 1)), when={"svc.degree": (3,)})
    space = Space([KERNEL, DEGREE, coef])
    assert space.from_units([0.1, 0.5, 0.9]) == {"svc.kernel": "rbf"}
    assert space.from_units([0.9, 0.5, 0.9]) == {"svc.kernel": "poly", "svc.degree": 3, "coef": 1}


def test_true_does_not_satisfy_a_condition_on_one() -> None:
    """Values are compared as JSON, where 1 and true differ although Python calls them equal."""
    flag = Parameter(name="flag", distribution=Options(values=(True, 1)))
    child = Parameter(name="child", distribution=IntRange(low=0, high=1), when={"flag": (1,)})
    space = Space([flag, child])
    assert list(space.grid()) == [{"flag": True}, {"flag": 1, "child": 0}, {"flag": 1, "child": 1}]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ([C, C], "'svc.C' is defined twice"),
        ([DEGREE], "conditional on 'svc.kernel', which is no parameter"),
        (
            [
                Parameter(name="a", distribution=Options(values=(1,)), when={"b": (1,)}),
                Parameter(name="b", distribution=Options(values=(1,)), when={"a": (1,)}),
            ],
            "'a', 'b' depend on each other in a circle",
        ),
    ],
)
def test_an_impossible_space_is_refused(parameters: list[Parameter], message: str) -> None:
    """Each refusal names the parameter."""
    with pytest.raises(ValueError, match=message):
        Space(parameters)


def test_a_constraint_on_an_unknown_name_is_refused() -> None:
    """Otherwise it would never apply and nobody would know."""
    with pytest.raises(ValueError, match=r"mentions 'svc\.c', which is no parameter"):
        Space([C], [Constraint("svc.c < 5")])


def test_everything_wrong_with_a_given_point_is_told_at_once() -> None:
    """Unknown, inactive, missing and out of range, each in a sentence."""
    space = Space([KERNEL, DEGREE, C])
    assert space.problems({"svc.kernel": "rbf", "svc.degree": 3, "svc.c": 1, "svc.C": 1000}) == [
        "'svc.c' is no parameter of the space",
        "'svc.degree' does not take part here: only when svc.kernel is \"poly\"",
        "'svc.C': 1000 is not a number from 1 to 100",
    ]
    assert space.problems({"svc.kernel": "poly", "svc.C": 1}) == ["'svc.degree' is missing"]


def test_a_forbidden_point_is_told_by_its_constraint() -> None:
    """Constraints are looked at once the point is otherwise sound."""
    space = Space([C], [Constraint("svc.C < 50")])
    assert space.problems({"svc.C": 60}) == ["violates the constraint 'svc.C < 50'"]
    assert space.problems({"svc.C": 40}) == []


def test_the_grid_runs_the_first_parameter_slowest_and_leaves_out_what_is_forbidden() -> None:
    """Branches without the child are one point each, not one per value of the absent child."""
    space = Space([KERNEL, DEGREE, C], [Constraint("svc.degree < 4 or svc.C < 50")])
    assert [tuple(point.values()) for point in space.grid()] == [
        ("rbf", 1.0),
        ("rbf", 10.0),
        ("rbf", 100.0),
        ("poly", 2, 1.0),
        ("poly", 2, 10.0),
        ("poly", 2, 100.0),
        ("poly", 3, 1.0),
        ("poly", 3, 10.0),
        ("poly", 3, 100.0),
        ("poly", 4, 1.0),
        ("poly", 4, 10.0),
    ]
    assert space.grid_size() == 11
    assert space.grid_size(limit=5) == 5


def test_the_same_point_has_one_key_whatever_its_order() -> None:
    """Duplicates are told by their key."""
    assert point_key({"a": 1, "b": [1, 2]}) == point_key({"b": [1, 2], "a": 1})
    assert point_key({"a": 1}) != point_key({"a": True})


def test_a_space_is_finite_only_without_a_continuum() -> None:
    """One float range makes it infinite."""
    assert Space([KERNEL, DEGREE]).is_finite()
    assert not Space([KERNEL, DEGREE, C]).is_finite()
