"""Control characters never reach a terminal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_mixers.printable import has_controls, printable

CONTROLS = "\0\x07\x08\n\r\x1b\x7f\x85\x9b\u2028\u202a\u202e\u2066\u2069\ud800\udcff"


@given(st.text(st.characters() | st.sampled_from(CONTROLS)))
def test_any_text_becomes_one_that_can_be_printed(text: str) -> None:
    shown = printable(text)
    assert not has_controls(shown)
    assert len(shown.splitlines()) <= 1
    shown.encode("utf-8")
    assert has_controls(text) == (shown != text)


@pytest.mark.parametrize("control", CONTROLS)
def test_controls_are_escaped_as_python_writes_them(control: str) -> None:
    assert has_controls(control)
    assert printable(f"a{control}b") == f"a{control!a}b".replace("'", "")


@pytest.mark.parametrize(
    "text", ["Käse", "a\\x1bb", "tab\there", "猫 🐈\u200d⬛", "\u0645\u200c\u062e", "\xa0"]
)
def test_writing_of_all_languages_stays_as_it_is(text: str) -> None:
    assert printable(text) == text
