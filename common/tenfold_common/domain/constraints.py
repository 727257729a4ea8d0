"""Conditions over parameters, such as ``svc.C * svc.gamma < 10``: parsed, never evaluated as Python.

The text is parsed with :mod:`ast`, and only what is listed here is understood: numbers, strings, True/False,
parameter names (dotted), ``+ - * / // % **``, comparisons, ``and or not``, ``in`` with lists, ``min max abs``.
"""

import ast
import operator
import warnings
from collections.abc import Callable, Mapping
from typing import Any, Final

from tenfold_common.domain.words import Json

_LONGEST: Final = 1_000
_DEEPEST: Final = 50
_LARGEST_EXPONENT: Final = 64
_LARGEST_BASE_BITS: Final = 1_024


def _product(a: Any, b: Any) -> Any:  # Any: see _BINARY
    if not (isinstance(a, (int, float)) and isinstance(b, (int, float))):
        raise TypeError("only numbers can be multiplied")  # "a" * 10**9 and [1] * 10**9 would fill the memory
    return a * b


def _remainder(a: Any, b: Any) -> Any:  # Any: see _BINARY
    if isinstance(a, str):
        raise TypeError("text has no remainder")  # "%99999999d" % 1 would fill the memory
    return a % b


def _power(base: Any, exponent: Any) -> Any:  # Any: see _BINARY
    if abs(exponent) > _LARGEST_EXPONENT:
        raise ValueError("exponent too large")
    if isinstance(base, int) and base.bit_length() > _LARGEST_BASE_BITS:
        raise ValueError("base too large")  # ((9**64)**64)**64 ... would never come to an end
    return base**exponent


# Any below: operands are whatever JSON values the user compares; a wrong mix is a TypeError that counts as "no".
_BINARY: Final[dict[type[ast.operator], Callable[[Any, Any], Any]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: _product,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: _remainder,
    ast.Pow: _power,
}
_COMPARE: Final[dict[type[ast.cmpop], Callable[[Any, Any], bool]]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.In: lambda a, b: a in b,
    ast.NotIn: lambda a, b: a not in b,
}
_UNARY: Final[dict[type[ast.unaryop], Callable[[Any], Any]]] = {
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Not: operator.not_,
}
_CALLS: Final[dict[str, Callable[..., Any]]] = {"min": min, "max": max, "abs": abs}


class Constraint:
    """One parsed condition.

    Args:
        text: The expression as the user wrote it.

    Raises:
        ValueError: If the text is not an expression of the kind described above; the message says what is wrong.
    """

    __slots__ = ("_tree", "names", "text")

    def __init__(self, text: str) -> None:
        if len(text) > _LONGEST:
            raise ValueError(f"a constraint may have {_LONGEST} characters, this one has {len(text)}")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")  # what Python only warns of, such as "1if x", is a mistake here
                tree = ast.parse(text.strip(), mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise ValueError(f"{text!r} is not an expression: {getattr(error, 'msg', error)}") from error
        self.text = text
        self._tree = tree
        self.names: frozenset[str] = frozenset(_names(tree, 0))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Constraint) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        return f"Constraint({self.text!r})"

    def holds(self, params: Mapping[str, Json]) -> bool:
        """Whether the condition holds at a point; True if it mentions a parameter the point does not have.

        An expression that cannot be computed there (a division by zero, text compared with a number) does not hold.
        """
        if not self.names <= params.keys():
            return True
        try:
            return bool(_value(self._tree, params))
        except (ArithmeticError, TypeError, ValueError):
            return False


def _names(node: ast.expr, depth: int) -> set[str]:
    if depth > _DEEPEST:
        raise ValueError(f"a constraint may be nested {_DEEPEST} levels deep, this one is deeper; split it in two")
    dotted = _dotted(node)
    if dotted is not None:
        return {dotted}
    return {name for part in _parts(node) for name in _names(part, depth + 1)}


def _dotted(node: ast.expr) -> str | None:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else None


def _parts(node: ast.expr) -> list[ast.expr]:
    """The operands of an allowed node; this is where everything else is refused."""
    match node:
        case ast.Constant(value=bool() | int() | float() | str() | None):
            return []
        case ast.BinOp(left=left, right=right, op=op) if type(op) in _BINARY:
            return [left, right]
        case ast.UnaryOp(operand=operand, op=unary) if type(unary) in _UNARY:
            return [operand]
        case ast.BoolOp(values=values):
            return values
        case ast.Compare(left=left, ops=ops, comparators=others) if all(type(one) in _COMPARE for one in ops):
            return [left, *others]
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in _CALLS and args:
            return args
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return items
    raise ValueError(
        f"{ast.unparse(node)!r} is not allowed in a constraint; use numbers, text, parameter names, + - * / // % **, "
        f"comparisons, and/or/not, in [...], min, max, abs"
    )


def _value(node: ast.expr, params: Mapping[str, Json]) -> Any:  # Any: see _BINARY
    dotted = _dotted(node)
    if dotted is not None:
        return params[dotted]
    match node:
        case ast.Constant(value=value):
            return value
        case ast.BinOp(left=left, right=right, op=op):
            return _BINARY[type(op)](_value(left, params), _value(right, params))
        case ast.UnaryOp(operand=operand, op=unary):
            return _UNARY[type(unary)](_value(operand, params))
        case ast.BoolOp(values=values, op=joint):
            return _logic(values, params, stop_at=isinstance(joint, ast.Or))
        case ast.Compare(left=left, ops=ops, comparators=others):
            return _compare(_value(left, params), ops, others, params)
        case ast.Call(func=ast.Name(id=name), args=args):
            return _CALLS[name](*(_value(part, params) for part in args))
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return [_value(item, params) for item in items]
    raise AssertionError(f"the parser let {ast.dump(node)} through")


def _logic(parts: list[ast.expr], params: Mapping[str, Json], *, stop_at: bool) -> Any:  # Any: see _BINARY
    """``or`` stops at the first true part, ``and`` at the first false one; the value is that part's, as in Python."""
    value: Any = None  # Any: see _BINARY
    for part in parts:
        value = _value(part, params)
        if bool(value) is stop_at:
            break
    return value


def _compare(
    left: Any, ops: list[ast.cmpop], others: list[ast.expr], params: Mapping[str, Json]
) -> bool:  # Any: as above
    for op, other in zip(ops, others, strict=True):
        right = _value(other, params)
        if not _COMPARE[type(op)](left, right):
            return False
        left = right
    return True
