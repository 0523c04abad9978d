"""The hash chain: every row carries the SHA-256 of itself and of the hash before it.

So a row cannot be changed, taken out or put in between without breaking every hash from there on. Whoever can write
to the database can still cut rows off at the end, or compute the whole chain anew; both change the last hash, so both
show to somebody who has noted it elsewhere.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection, Select, Table, func, select

from line_inspector.challenge_record import ChallengeRecord
from line_inspector.part_record import PartRecord

START = "0" * 64  # the hash before the first
HIGHEST_NUMBER = 2**62  # to SQLite, a text that somebody put in is more than any number

PART_FIELDS = ("number", *PartRecord.__struct_fields__)
LATER_FIELDS = frozenset({"views"})  # hashed only where they hold something: rows from before keep their hash
CHALLENGE_FIELDS = ("number", *ChallengeRecord.__struct_fields__)
AUDIT_FIELDS = ("number", "key", "at_wall_ns", "who", "action", "subject", "old", "new")


def row_hash(previous: str, values: Sequence[Any]) -> str:
    """SHA-256, in hexadecimal, of the JSON array [previous, *values]: no spaces, UTF-8, "Infinity" for infinity."""
    text = json.dumps([previous, *values], ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def hashed_values(row: Mapping[Any, Any], fields: Sequence[str]) -> list[Any]:
    """The values of a row that its hash is of."""
    return [row[name] for name in fields if name not in LATER_FIELDS or row[name]]


def chained(rows: Iterable[dict[str, Any]], head: tuple[int, str], fields: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The rows with `number` and `hash`, as they follow on `head`, the last row's number and hash."""
    number, previous = head
    for row in rows:
        number += 1
        row = {**row, "number": number}
        row["hash"] = previous = row_hash(previous, hashed_values(row, fields))
        yield row


def head_of(connection: Connection, table: Table) -> tuple[int, str]:
    """Number and hash of the last row in the chain; (0, START) before the first."""
    row = connection.execute(_last_of(table)).first()
    return (row.number, row.hash) if row else (0, START)


@cache  # of three tables: to build the statement takes longer than to run it
def _last_of(table: Table) -> Select[Any]:
    newest = select(func.max(table.c.number)).where(table.c.number <= HIGHEST_NUMBER).scalar_subquery()
    return select(table.c.number, table.c.hash).where(table.c.number == newest)


class ChainWalk:
    """Goes along a chain and stops at the first row that does not follow on the one before.

    `name` is the column by which people know a row. `count` and `head` are those of the rows that hold; `fault` says
    what is wrong with the first that does not. `met` are those of the hashes `noted` earlier that are in the chain.
    """

    def __init__(self, fields: Sequence[str], name: str, noted: Collection[str] = ()) -> None:
        self.count, self.head, self.fault = 0, START, ""
        self._fields, self._name, self._noted = fields, name, {*noted}
        self.met = {START}

    def along(self, rows: Iterable[Mapping[Any, Any]]) -> None:
        """`rows` come in order of their number, from 1 on."""
        for row in rows:
            self.fault = self._fault_of(row)
            if self.fault:
                return
            self.count, self.head = self.count + 1, row["hash"]
            self.met |= {self.head} & self._noted

    def _fault_of(self, row: Mapping[Any, Any]) -> str:
        expected, found = self.count + 1, row["number"]
        known_as = f"{self._name} {row[self._name]}"
        if not isinstance(found, int):
            return f"row {expected} ({known_as}) is not as it was written: its number is {found!r}"
        if found > expected:
            gap = f"row {expected} is" if found == expected + 1 else f"rows {expected} to {found - 1} are"
            return f"{gap} missing, before row {found} ({known_as})"
        if found < expected or row["hash"] != self._hash_of(row):
            return f"row {found} ({known_as}) is not as it was written"
        return ""

    def _hash_of(self, row: Mapping[Any, Any]) -> str | None:
        try:
            return row_hash(self.head, hashed_values(row, self._fields))
        except TypeError:  # bytes, which no writer puts into any of the fields
            return None
