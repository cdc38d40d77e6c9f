"""What some exports ask for: packages of an extra."""

import importlib.util


def require_packages(extra: str, *packages: str) -> None:
    """Raise ImportError if one of `packages` is missing; the message names the extra with them.

    >>> require_packages("onnx", "json")
    """
    for package in packages:
        if importlib.util.find_spec(package) is None:
            raise ImportError(
                f"The package {package!r} is not installed: pip install 'keras-mixers[{extra}]'."
            )
