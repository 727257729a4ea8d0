"""Study file text: YAML 1.2 core schema, JSON, lines, and texts that try to do harm."""

# ruff: noqa: E501  # messages are quoted whole, so that they can be searched for
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenfold_common.domain.notation import as_written, line_of, parse_text, spelled
from tenfold_common.domain.words import Json
from tenfold_common.errors import StudyFileError


def data_of(text: str) -> Json:
    """The plain data of a text."""
    return parse_text(text, source="f").data


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("1e-3", 0.001),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("-7", -7),
        ("0x1F", 31),
        ("0o17", 15),
        ("08", 8),
        ("1_000", "1_000"),
        ("on", "on"),
        ("yes", "yes"),
        ("True", True),
        ("~", None),
        ("", None),
        ("'5'", "5"),
        ("2020-01-01", "2020-01-01"),
        ("12:30:45", "12:30:45"),
        ("1" * 401, "1" * 401),
    ],
)
def test_scalars_follow_the_core_schema_of_yaml_1_2(written: str, value: Json) -> None:
    """No booleans from ``on``, no dates, no base-60 numbers; exponents need no dot."""
    assert data_of(f"a: {written}") == {"a": value}


def test_an_old_yaml_directive_changes_nothing() -> None:
    """The rules are ours, whatever version a file asks for."""
    assert data_of("%YAML 1.1\n---\na: yes") == {"a": "yes"}


def test_anchors_are_repeated_where_they_are_named() -> None:
    """An alias stands for the value."""
    assert data_of("a: &x {b: 1}\nc: *x\nd: [*x]") == {"a": {"b": 1}, "c": {"b": 1}, "d": [{"b": 1}]}


def test_every_key_and_item_has_its_line() -> None:
    """Lines count from 1; comments and blank lines count too."""
    positions = parse_text("# top\na:\n\n  - b: 1\n  - 2\n", source="f").positions
    assert positions == {"a": 2, "a[0]": 4, "a[0].b": 4, "a[1]": 5}


def test_the_nearest_key_above_gives_the_line() -> None:
    """Also where list positions are written with a dot."""
    positions = {"a": 1, "a[0]": 2, "a[0].b": 3}
    assert line_of("a[0].b.c[4]", positions) == 3
    assert line_of("a.0.x", positions) == 2
    assert line_of("z", positions) is None


def test_a_path_left_out_by_validation_is_found_again() -> None:
    """Options inside a splitter's kind are spelled as they stand in the file."""
    positions = {"folds": 1, "folds.kfold": 2, "folds.kfold.gap": 3}
    assert as_written(("folds", "gap"), positions) == "folds.kfold.gap"
    assert as_written(("folds", "other"), positions) == "folds.other"
    assert spelled(("a", 0, "b.c")) == "a[0].b.c"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\na: 2", "f:2: a: written twice (first on line 1); keep one of them"),
        ("a: .nan", "f:1: a: .nan is not a finite number; study files hold finite numbers only"),
        ("a: 1e999", "f:1: a: 1e999 is too large for a number"),
        ("1: a", 'f:1: the key 1 is not text; put it in quotes if it is meant: "1"'),
        ("<<: {a: 1}", "f:1: '<<' is no key: YAML 1.2 has no merge keys; repeat the keys"),
        ("a: !!python/name:os.system x", "f:1: a: the tag !!python/name:os.system has no meaning here; leave it out, and put text in quotes"),
    ],
)  # fmt: skip
def test_what_can_be_read_but_not_meant_is_a_problem_beside_the_others(text: str, message: str) -> None:
    """Reading goes on, so that all problems are told at once."""
    notation = parse_text(text, source="f")
    assert [str(StudyFileError("f", [problem])) for problem in notation.problems] == [message]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a:\n\tb: 1", "f:2: not readable as YAML: a tab where only spaces may stand"),
        ("a: [1, 2", "f:1: not readable as YAML: while parsing a flow sequence"),
        ("a: *x", "f:1: *x refers to an anchor that is not defined"),
        ("a: &x [*x]", "f:1: *x refers to an anchor that is not defined (completely) above it"),
        ("a: 1\n---\nb: 2", "f:2: a second document begins here"),
        ("? [a]\n: b", "f:1: a key must be text"),
        ("a: \x00", "f:1: not readable as YAML: ReaderError: it holds a character that text files do not have"),
        ("[" * 200, "f:1: nested more than 50 levels deep"),
        ("- " * 5000, "f:1: nested more than 50 levels deep"),
        ("a: " + "x" * 1_000_000, "f: has 1000003 characters"),
    ],
)
def test_an_unreadable_text_is_one_problem(text: str, message: str) -> None:
    """With its line, and soon."""
    with pytest.raises(StudyFileError) as caught:
        parse_text(text, source="f")
    assert len(caught.value.problems) == 1
    assert str(caught.value).startswith(message)


def test_anchors_of_anchors_cannot_explode() -> None:
    """A few lines that stand for a billion values are refused before anything walks through them."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
    begun = time.perf_counter()
    with pytest.raises(StudyFileError, match="more than 100000 values"):
        parse_text("\n".join(lines), source="f")
    assert time.perf_counter() - begun < 1


KEYS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8).filter(lambda key: key != "<<")
DOCUMENTS: st.SearchStrategy[Json] = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(10**20), 10**20), st.floats(allow_nan=False, allow_infinity=False),
              st.text(st.characters(exclude_categories=["Cs"]), max_size=8)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)),
    max_leaves=10,
)  # fmt: skip


@given(st.dictionaries(KEYS, DOCUMENTS, max_size=4), st.sampled_from([None, 2, "\t"]), st.booleans())
def test_json_is_read_as_json(document: dict[str, Json], indent: int | str | None, ascii_only: bool) -> None:
    """Whatever json.dumps writes comes back the same, escapes and tabs included."""
    text = json.dumps(document, indent=indent, ensure_ascii=ascii_only)
    notation = parse_text(text, source="f")
    assert notation.data == document
    assert notation.problems == ()
    assert set(notation.positions) >= set(document)
