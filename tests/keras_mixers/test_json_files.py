"""JSON within bounds; the files of runs and exports are in tests/training/evaluation."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_mixers.json_files import MOST_BYTES, MOST_DEPTH, parse_json, read_json
from keras_mixers.value_checks import check_choice, check_number, check_object, check_text, excerpt

FINITE = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text()
FINITE |= st.floats(allow_nan=False, allow_infinity=False)


@given(st.recursive(FINITE, lambda part: st.lists(part) | st.dictionaries(st.text(), part)))
def test_what_json_writes_is_read(value: object) -> None:
    assert parse_json(json.dumps(value)) == value


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "Expecting value: line 1 column 1"),
        ("{'a': 1}", "Expecting property name"),
        ("[1, NaN]", "the number 'NaN' is infinite, beyond 64 bits or none at all"),
        ("-Infinity", "the number '-Infinity' is"),
        ("1e400", "the number '1e400' is"),
        (str(2**63), "the number '9223372036854775808' is"),
        (str(-(2**63) - 1), "the number '-9223372036854775809' is"),
        ("9" * 10_000, "the number '999"),
        ("[" * 100_000, "nested more than 20 deep"),
        ("[" * 100_000 + "]" * 100_000, "nested more than 20 deep"),
        ('{"a":' * 100_000 + "1" + "}" * 100_000, "nested more than 20 deep"),
        ("[" * (MOST_DEPTH + 1) + "]" * (MOST_DEPTH + 1), "nested more than 20 deep"),
    ],
    ids=range(12),
)
def test_what_is_out_of_bounds_is_refused(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        parse_json(text)
    assert len(str(caught.value)) < 200


def test_bounds_themselves_are_within(tmp_path) -> None:
    deep = "[" * MOST_DEPTH + "]" * MOST_DEPTH
    assert json.dumps(parse_json(deep)) == deep
    assert parse_json(f"[{2**63 - 1}, {-(2**63)}, 1e308]") == [2**63 - 1, -(2**63), 1e308]
    path = tmp_path / "a.json"
    path.write_bytes(b"7".ljust(MOST_BYTES))
    assert read_json(path, "a number", int) == 7
    path.write_bytes(b"7".ljust(MOST_BYTES + 1))
    with pytest.raises(ValueError, match=r"a\.json is not a number; expected at most 1,048,576 by"):
        read_json(path, "a number", int)


def test_the_file_and_the_reason_are_named(tmp_path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b'"\xe9"')
    with pytest.raises(ValueError, match="expected UTF-8 text; received an invalid"):
        read_json(path, "a table", check_object)
    path.write_text("[1]")
    with pytest.raises(ValueError, match="is not a table") as caught:
        read_json(path, "a table", check_object)
    assert str(caught.value) == (
        f"{path} is not a table; expected a JSON object; received [1]; correct or restore the file."
    )


@pytest.mark.parametrize("value", [None, True, "0.5", [0.5], {}, -0.1, 1.1, float("nan"), 10**400])
def test_no_number_in_the_range(value: object) -> None:
    with pytest.raises(ValueError, match="share must be a number from 0 to 1; received "):
        check_number("share", value, 0, 1)
    assert check_number("share", 0, 0, 1) == 0


def test_no_text_and_no_choice() -> None:
    with pytest.raises(ValueError, match=r"name must be a text; received \[\]"):
        check_text("name", [])
    for value in ("c", ["a"], None):
        with pytest.raises(ValueError, match="name must be a or b; received "):
            check_choice("name", value, ("a", "b"))


@given(st.lists(st.text() | st.integers() | st.lists(st.text())))
def test_an_excerpt_is_one_short_line(value: list) -> None:
    assert len(excerpt(value).splitlines()) == 1
    assert len(excerpt([value] * 100)) <= 100
