"""Names and messages that come from outside, made harmless for a terminal."""

import re

# What moves the cursor, sets colours and titles, turns the direction of writing, breaks a line or
# can't be encoded at all: the name of a file that isn't UTF-8 has lone surrogates. Tabs may stay.
_CONTROLS = re.compile(r"[\0-\x08\n-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: object) -> str:
    r"""Return a text in which each control character is replaced by its escape sequence.

    >>> print(printable("a\x1b]0;title\x07b\n"))
    a\x1b]0;title\x07b\n
    """
    return _CONTROLS.sub(lambda match: match[0].encode("unicode_escape").decode(), str(text))


def has_controls(text: str) -> bool:
    r"""Tell whether a text has control characters, line breaks included.

    >>> has_controls("Käse"), has_controls("a\x9b2J")
    (False, True)
    """
    return _CONTROLS.search(text) is not None
