"""`--set NAME=VALUE`: whatever option of a training has no flag of its own on a command."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import typer
from pydantic import ValidationError

from line_inspector.errors import InputError
from line_inspector.model.architecture import Architecture
from line_inspector.training.options import TrainingOptions, complaint, kinds

SEE = "docs/training.md, 'Every option', says what there is and what it may be."
OF_ARCHITECTURE = kinds(Architecture)
OF_TRAINING = {name: kind for name, kind in kinds(TrainingOptions).items() if name != "architecture"}
EVERY_OPTION = OF_ARCHITECTURE | OF_TRAINING
LISTS = {name for name, value in vars(Architecture()).items() if isinstance(value, tuple)}


class Settings(NamedTuple):
    """Fields of an Architecture and of TrainingOptions, with the values that --set gave them."""

    architecture: dict[str, Any]
    training: dict[str, Any]


def own_flags(*names: str, **others: str) -> dict[str, str]:
    """The flag of each option that has one: named like the option, or otherwise."""
    return {name: f"--{name.replace('_', '-')}" for name in names} | others


def set_option(flags: Mapping[str, str]) -> Any:
    """`--set` of a command that has these flags."""
    names = ", ".join(name for name in EVERY_OPTION if name not in flags)
    return typer.Option("--set", metavar="NAME=VALUE", help=f"Any of {names}; once each. {SEE}")


def read_settings(words: Sequence[str], flags: Mapping[str, str]) -> Settings:
    """What was given as --set, on a command with these flags. Raises InputError for the first that cannot be."""
    values: dict[str, Any] = {}
    for word in words:
        name, equals, text = word.partition("=")
        where = f"--set {word}"
        if not equals:
            raise InputError("no value", where, f"Give NAME=VALUE. {SEE}")
        if name not in EVERY_OPTION:
            raise InputError(f"no option {name!r}", where, _instead_of(name, flags))
        if name in flags:
            raise InputError("it has a flag of its own", where, f"Give {flags[name]} instead.")
        if name in values:
            raise InputError(f"{name} is there twice", where, "Remove one of the two.")
        values[name] = _value(name, text, where)
    return Settings(
        {name: value for name, value in values.items() if name in OF_ARCHITECTURE},
        {name: value for name, value in values.items() if name in OF_TRAINING},
    )


def with_options(base: TrainingOptions, **changes: Any) -> TrainingOptions:
    """The options with these changes. Raises InputError for a value that cannot be."""
    try:
        return replace(base, **changes)
    except ValueError as e:
        raise InputError(str(e), "options of the training", SEE) from e


def _value(name: str, text: str, where: str) -> Any:
    given = None if text == "none" else text.split(",") if name in LISTS else text
    try:
        return EVERY_OPTION[name].validate_python(given)
    except ValidationError as e:
        raise InputError(complaint(e), where, SEE) from e


def _instead_of(name: str, flags: Mapping[str, str]) -> str:
    near = difflib.get_close_matches(name.replace("-", "_").lower(), EVERY_OPTION, n=1)
    return f"Did you mean {flags.get(near[0], repr(near[0]))}?" if near else SEE
