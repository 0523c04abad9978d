"""The audit table: who changed what, when, from what to what. Its rows are a hash chain (`chain.py`)."""

import json
import logging
import os
import pwd
import socket
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress

import msgspec
from sqlalchemy import Connection, select

from line_inspector.records.chain import AUDIT_FIELDS, chained, head_of
from line_inspector.records.schema import audit, storable
from line_inspector.wall_clock import wall_ns

SETTINGS = "line.configure"

_log = logging.getLogger("audit")


class Change(msgspec.Struct, frozen=True):
    """One change, at a wall-clock time in ns. `key` is its own: handed over twice, it is still one row."""

    key: str
    at_wall_ns: int
    who: str
    action: str
    subject: str
    old: str
    new: str


def change(action: str, subject: str, old: str, new: str) -> Change:
    """A change made now, by whoever runs this process."""
    return Change(uuid.uuid4().hex, wall_ns(), who(), action, subject, old, new)


def who() -> str:
    """The user that runs this process, as the system tells, and who became that user by sudo; and the machine."""
    try:
        user = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        user = str(os.getuid())
    caller = os.environ.get("SUDO_USER")
    return f"{user}{f' (sudo from {caller})' if caller else ''}@{socket.gethostname()}"


def append_changes(connection: Connection, changes: Sequence[Change]) -> None:
    """Appends rows to the chain, in a transaction that no other writer is in; those that are there are left out.

    The hash of each goes into the log: a second place, in which a chain that was cut or made anew shows.
    """
    keys = [one.key for one in changes]
    known = set(connection.execute(select(audit.c.key).where(audit.c.key.in_(keys))).scalars())
    fresh = {one.key: _row(one) for one in changes if one.key not in known}
    rows = list(chained(fresh.values(), head_of(connection, audit), AUDIT_FIELDS))
    if rows:
        connection.execute(audit.insert(), rows)
    for row in rows:
        _log.info("row %d: %s %s by %s, head %s", *(row[k] for k in ("number", "action", "subject", "who", "hash")))


def append_settings(connection: Connection, settings: Mapping[str, object]) -> None:
    """Appends what differs from the settings on record, if anything does: keys of the line file with their values."""
    past = connection.execute(select(audit.c.new).where(audit.c.action == SETTINGS).order_by(audit.c.number)).scalars()
    recorded: dict[str, object] = {}
    for differences in past:
        with suppress(ValueError):  # damage is for `ledger verify` to find: it must not keep a line from starting
            recorded.update(json.loads(differences))
    recorded = {key: value for key, value in recorded.items() if value is not None}
    wanted = {key: value for key, value in settings.items() if value is not None}
    keys = sorted(key for key in {*recorded, *wanted} if recorded.get(key) != wanted.get(key))
    if keys:
        old, new = ({key: side.get(key) for key in keys} for side in (recorded, wanted))
        append_changes(connection, [change(SETTINGS, "line file", json.dumps(old), json.dumps(new))])


def _row(one: Change) -> dict[str, object]:
    return {name: storable(value) for name, value in msgspec.structs.asdict(one).items()}
