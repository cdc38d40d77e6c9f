"""Frozen dataclasses that check the types of their fields and convert to and from JSON."""

import dataclasses
import difflib
import reprlib
import sys
import types
import typing
from collections.abc import Iterable, Mapping
from typing import Any, Literal, TypeVar, Union

from training.errors import RecipeError

T = TypeVar("T")

# Short, whatever a file holds. keras_mixers has a function for it, but its import takes seconds.
_shortened = reprlib.Repr()
_shortened.maxlevel = 2
_excerpt = _shortened.repr

_TYPE_NAMES = {int: "an integer", float: "a number", str: "a string", bool: "true or false"}


def suggest(name: str, options: Iterable[str], otherwise: str) -> str:
    """Return a hint for an unknown name: the closest options, or `otherwise` if none is close.

    >>> suggest("epoch", ["epochs", "name"], "there are two")
    'did you mean epochs?'
    """
    near = difflib.get_close_matches(str(name), list(options), n=3)
    return f"did you mean {' or '.join(near)}?" if near else otherwise


def field_types(cls: type) -> Mapping[str, Any]:
    """Return the declared type of each field of a dataclass, by name."""
    return typing.get_type_hints(cls)


def check_fields(instance: Any) -> None:
    """Raise RecipeError if a field's value doesn't have the declared type.

    An integer is accepted where a float is declared; a bool is accepted for neither.
    """
    cls = type(instance)
    for field in dataclasses.fields(cls):
        value, declared = getattr(instance, field.name), field_types(cls)[field.name]
        if not _has_type(value, declared):
            raise RecipeError(
                f"{cls.__name__}.{field.name} must be {_describe(declared)}; received "
                f"{_excerpt(value)}."
            )


def check_at_least(name: str, value: float, least: float) -> None:
    """Raise RecipeError if a value is below the least one."""
    if value < least:
        raise RecipeError(f"{name} must be at least {least}; received {value!r}.")


def check_positive(name: str, value: float | None) -> None:
    """Raise RecipeError if a value is not above 0; None is allowed."""
    if value is not None and value <= 0:
        raise RecipeError(f"{name} must be above 0; received {value!r}.")


def check_fraction(name: str, value: float | None) -> None:
    """Raise RecipeError if a value is not in [0, 1); None is allowed."""
    if value is not None and not 0 <= value < 1:
        raise RecipeError(f"{name} must be at least 0 and below 1; received {value!r}.")


def to_dict(instance: Any) -> dict[str, Any]:
    """Return a dataclass as JSON-serialisable values, for `from_dict` to read.

    Where a field may hold one of several dataclasses, "kind" says which one it is.
    """
    content = {}
    for field in dataclasses.fields(instance):
        value = getattr(instance, field.name)
        content[field.name] = _to_json(value)
        if len(_dataclasses(field_types(type(instance))[field.name])) > 1:
            content[field.name] = {"kind": type(value).__name__, **content[field.name]}
    return content


def from_dict(cls: type[T], content: object) -> T:
    """Build a dataclass from the output of `to_dict`.

    Raises:
        RecipeError: if a field is missing, unknown (the message suggests similar names), or of
            the wrong type.
    """
    if not isinstance(content, Mapping):
        raise RecipeError(
            f"{cls.__name__} must be a JSON object of its fields; received {_excerpt(content)}."
        )
    fields = {field.name: field for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    for name in content:
        if name not in fields:
            known = suggest(name, fields, f"it has {', '.join(fields)}.")
            raise RecipeError(f"{cls.__name__} has no field {_excerpt(name)}; {known}")
    for name, field in fields.items():
        optional = (field.default, field.default_factory) != (dataclasses.MISSING,) * 2
        if name not in content and not optional:
            raise RecipeError(f"{cls.__name__} needs its field {name!r}; add it.")
    values = {
        name: _from_json(value, field_types(cls)[name], f"{cls.__name__}.{name}")
        for name, value in content.items()
    }
    try:
        return cls(**values)
    except RecipeError:
        raise
    except ValueError as error:  # A dataclass of another package, such as Preprocessing.
        raise RecipeError(f"{cls.__name__}: {error}") from None


def _to_json(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return to_dict(value)
    if isinstance(value, tuple):
        return [_to_json(part) for part in value]
    return dict(value) if isinstance(value, Mapping) else value


def _from_json(value: Any, hint: Any, where: str) -> Any:
    """Undo `_to_json`; values of the wrong type stay as they are, for `check_fields` to report."""
    choices = _dataclasses(hint)
    if isinstance(value, Mapping) and len(choices) == 1:
        return from_dict(choices[0], value)
    if isinstance(value, Mapping) and choices:
        kinds = {choice.__name__: choice for choice in choices}
        kind = value.get("kind")
        if not isinstance(kind, str) or kind not in kinds:
            known = suggest(str(kind), kinds, f"expected {', '.join(kinds)}.")
            raise RecipeError(f"{where} has no kind {_excerpt(kind)}; {known}")
        return from_dict(kinds[kind], {k: v for k, v in value.items() if k != "kind"})
    if isinstance(value, list):
        for option in _options(hint):
            if typing.get_origin(option) is tuple:
                inner = typing.get_args(option)[0]
                return tuple(_from_json(part, inner, where) for part in value)
    return value


def _options(hint: Any) -> tuple[Any, ...]:
    return typing.get_args(hint) if _is_union(hint) else (hint,)


def _is_union(hint: Any) -> bool:
    return typing.get_origin(hint) in (Union, types.UnionType)


def _dataclasses(hint: Any) -> tuple[type, ...]:
    return tuple(
        option
        for option in _options(hint)
        if isinstance(option, type) and dataclasses.is_dataclass(option)
    )


def _has_type(value: Any, hint: Any) -> bool:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if _is_union(hint):
        return any(_has_type(value, option) for option in arguments)
    if origin is Literal:
        return value in arguments and not isinstance(value, bool)
    if origin is tuple:
        if not isinstance(value, tuple):
            return False
        wanted = arguments[:1] * len(value) if arguments[-1] is Ellipsis else arguments
        return len(value) == len(wanted) and all(map(_has_type, value, wanted))
    if origin is not None and issubclass(origin, Mapping):
        return isinstance(value, Mapping) and all(
            all(map(_has_type, item, arguments)) for item in value.items()
        )
    if hint is float:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        # Compared, not converted: an integer may be too large for a float. NaN fails, too.
        return is_number and abs(value) <= sys.float_info.max
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, hint)


def _describe(hint: Any) -> str:
    if _is_union(hint):
        return " or ".join(_describe(option) for option in typing.get_args(hint))
    if typing.get_origin(hint) is Literal:
        return " or ".join(repr(value) for value in typing.get_args(hint))
    if typing.get_origin(hint) is tuple:
        inner = [part for part in typing.get_args(hint) if part is not Ellipsis]
        if len(inner) < len(typing.get_args(hint)):
            return f"a list (each {_describe(inner[0])})"
        return f"a list of {len(inner)} (each {_describe(inner[0])})"
    if hint is type(None):
        return "none"
    return _TYPE_NAMES.get(hint, getattr(hint, "__name__", str(hint)))
