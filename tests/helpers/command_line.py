"""Runs the command in this process: TensorFlow's import takes seconds."""

from typer.testing import CliRunner, Result

from keras_mixers_cli.app import app


def run(*arguments: object, stdin: bytes = b"") -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments], input=stdin)


def failure(result: Result, status: int = 1) -> str:
    """Return the one line on stderr of a command that failed as it should."""
    assert result.exit_code == status, result.output
    assert result.stdout == ""
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    return result.stderr
