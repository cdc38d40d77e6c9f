"""Keeps the hubs' clients from writing where results and errors belong."""

import contextlib
import io
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def quiet_clients() -> Iterator[None]:
    """Send what clients print to the standard error, and drop it where that is no terminal.

    On a terminal, their bars are what users expect. kagglehub would print addresses, and that there
    is a newer version, to the standard output.
    """
    with contextlib.ExitStack() as stack:
        if not sys.stderr.isatty():
            stack.enter_context(contextlib.redirect_stderr(io.StringIO()))
        stack.enter_context(contextlib.redirect_stdout(sys.stderr))
        yield
