"""A row as the type that was written: SQLite keeps any kind of value in any column, so a changed row may hold all."""

from typing import Any, TypeVar

import msgspec

from line_inspector.errors import InputError

T = TypeVar("T")


def typed(values: Any, kind: type[T], known_as: str) -> T:
    """The values as `kind`. Raises InputError, which names the row as `known_as`, where one is of another kind."""
    try:
        return msgspec.convert(values, kind)
    except msgspec.ValidationError as e:
        what = f"its row is not as it was written ({e})"
        raise InputError(what, f"ledger, {known_as}", "See line-inspector ledger verify LINE.yaml") from e
