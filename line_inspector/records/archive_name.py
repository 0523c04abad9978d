"""Which names in the ledger's `archive_files` can be of the archive's own files: all others are none of our business.

Whoever can write to the ledger could otherwise have retention delete any file, or training read it.
"""

import re

# a folder of the day, which the oldest ledgers do not have, then a part's name: see archive.py
_SHAPE = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}/)?[A-Za-z0-9_-][A-Za-z0-9_.-]{0,127}\.png")


def is_ours(name: object) -> bool:
    """Whether the name is one that the archive gives: nothing outside its folder, and no other kind of file."""
    return isinstance(name, str) and _SHAPE.fullmatch(name) is not None


def foreign_name(*names: object) -> object | None:
    """The first of a row's names that the archive never gave; None where all are its own, or not there."""
    return next((name for name in names if name is not None and not is_ours(name)), None)
