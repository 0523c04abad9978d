"""How long archived images stay: by age, by the archive's size, by free disk; accepts go first, oldest first.

The ledger says that an image is retired before its files are deleted, and notes afterwards that they are gone. Killed
anywhere between, the next sweep goes on where this one ended: what the ledger points at exists, or it is retired.
"""

import logging
import threading
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, and_, func, or_, select, update
from sqlalchemy.exc import SQLAlchemyError

from line_inspector.config import NS_PER_S
from line_inspector.config.records import RecordsSettings
from line_inspector.errors import InputError
from line_inspector.records.archive_name import foreign_name
from line_inspector.records.audit import append_changes, change
from line_inspector.records.database import Vanished, WritingDatabase, plain_text
from line_inspector.records.free_space import BYTES_PER_MB, free_mb
from line_inspector.records.inventory import take_inventory
from line_inspector.records.outage import Outage
from line_inspector.records.schema import archive_files
from line_inspector.wall_clock import wall_ns

SWEEP_S = 10.0
AGE_S = 600.0  # old images go in few groups, so that the audit table keeps few rows of it
GROUP = 200
SLACK = 0.05  # once the archive is too large, this share more goes, for the same reason
NS_PER_DAY = 86_400 * NS_PER_S
LARGEST_CLOCK_STEP_NS = 3600 * NS_PER_S

_log = logging.getLogger("retention")

KEPT = and_(archive_files.c.removed.is_(False), archive_files.c.retired_wall_ns.is_(None))


@dataclass(frozen=True)
class Limits:
    """What may stay; None is no limit."""

    accepts_ns: int | None = None
    rejects_ns: int | None = None
    archive_bytes: int | None = None
    free_bytes: int | None = None


def limits_of(records: RecordsSettings) -> Limits:
    """The limits that the line file sets. Accepts never outlive rejects."""

    def scaled(value: float | None, unit: int) -> int | None:
        return None if value is None else int(value * unit)

    accepts_days = records.keep_rejects_days if records.keep_accepts_days is None else records.keep_accepts_days
    return Limits(
        accepts_ns=scaled(accepts_days, NS_PER_DAY),
        rejects_ns=scaled(records.keep_rejects_days, NS_PER_DAY),
        archive_bytes=scaled(records.archive_max_mb, BYTES_PER_MB),
        free_bytes=scaled(records.archive_keep_free_mb, BYTES_PER_MB),
    )


class Sweeper:
    """Retires images of the archive in `folder`. `retired` counts them since the start.

    A row with a name that the archive never gave is left alone, and told of once: somebody put it in.
    """

    def __init__(self, folder: Path, database: WritingDatabase, limits: Limits) -> None:
        self.retired = 0
        self._folder, self._database, self._limits = folder, database, limits
        self._foreign: set[str] = set()

    def sweep(self, now_wall_ns: int | None) -> bool:
        """Retires one group at most; whether it did. Without a time, nothing goes by age.

        First it deletes what an earlier sweep has retired and did not come to delete. Raises OSError where a file
        cannot be deleted, and as `WritingDatabase.transaction`; nothing more is retired until that is over.
        """
        self._delete_retired()
        with self._database.transaction() as connection:
            victims, why = self._victims(connection, now_wall_ns)
            if not victims:
                return False
            ids = [row["part_id"] for row in victims]
            retirement = {"retired_wall_ns": wall_ns(), "retired_why": why}
            connection.execute(update(archive_files).where(archive_files.c.part_id.in_(ids)).values(retirement))
            retired = change("archive.retire", f"{len(ids)} images", f"{ids[0]} to {ids[-1]}", why)
            append_changes(connection, [retired])
        self.retired += len(ids)
        self._delete_retired()
        return True

    def _delete_retired(self) -> None:
        waiting = and_(archive_files.c.removed.is_(False), archive_files.c.retired_wall_ns.is_not(None))
        with self._database.looking() as connection:
            found = connection.execute(select(archive_files).where(waiting)).mappings().all()
        rows = [row for row in found if self._owns(row)]
        names = [name for row in rows for name in (row["heat_path"], row["image_path"]) if name]
        for name in names:
            (self._folder / name).unlink(missing_ok=True)
        _remove_empty_days({(self._folder / name).parent for name in names} - {self._folder})
        for start in range(0, len(rows), GROUP):
            ids = [row["part_id"] for row in rows[start : start + GROUP]]
            with self._database.transaction() as connection:
                connection.execute(update(archive_files).where(archive_files.c.part_id.in_(ids)).values(removed=True))

    def _victims(self, connection: Connection, now_wall_ns: int | None) -> tuple[Sequence[RowMapping], str]:
        too_old = self._too_old(connection, now_wall_ns)
        if too_old:
            return too_old, "age"
        for excess_bytes, why in ((self._oversize_bytes(connection), "size"), (self._missing_bytes(), "free disk")):
            if excess_bytes > 0:
                return self._oldest(connection, excess_bytes), why
        return (), ""

    def _too_old(self, connection: Connection, now_wall_ns: int | None) -> Sequence[RowMapping]:
        aged = []
        for accepted, keep_ns in ((True, self._limits.accepts_ns), (False, self._limits.rejects_ns)):
            if keep_ns is not None and now_wall_ns is not None:
                before = archive_files.c.trigger_wall_ns < now_wall_ns - keep_ns
                aged.append(and_(archive_files.c.accepted.is_(accepted), before))
        if not aged:
            return ()
        return self._first(connection, _in_order().where(or_(*aged)))

    def _oversize_bytes(self, connection: Connection) -> int:
        if self._limits.archive_bytes is None:
            return 0
        query = select(func.coalesce(func.sum(archive_files.c.size_bytes), 0)).where(KEPT)
        size_bytes = int(connection.execute(query).scalar_one())
        least = int(self._limits.archive_bytes * (1 - SLACK))
        return size_bytes - least if size_bytes > self._limits.archive_bytes else 0

    def _missing_bytes(self) -> int:
        limit = self._limits.free_bytes
        free = free_mb(self._folder) if limit is not None else None
        if limit is None or free is None or free * BYTES_PER_MB >= limit:
            return 0
        return int(limit * (1 + SLACK) - free * BYTES_PER_MB)

    def _oldest(self, connection: Connection, excess_bytes: int) -> Sequence[RowMapping]:
        chosen: list[RowMapping] = []
        for row in self._first(connection, _in_order()):
            if excess_bytes <= 0:
                break
            chosen.append(row)
            size_bytes = row["size_bytes"]
            excess_bytes -= size_bytes if isinstance(size_bytes, int) else 0
        return chosen

    def _first(self, connection: Connection, query: Select[Any]) -> Sequence[RowMapping]:
        """The first GROUP of the rows that are ours."""
        while True:
            known = archive_files.c.part_id.not_in(self._foreign)
            rows = connection.execute(query.where(known).limit(GROUP)).mappings().all()
            ours = [row for row in rows if self._owns(row)]
            if len(ours) == len(rows):  # else once more, without those that are known by now to be foreign
                return ours

    def _owns(self, row: RowMapping) -> bool:
        name = foreign_name(row["image_path"], row["heat_path"])
        if name is None:
            return True
        if row["part_id"] not in self._foreign:
            self._foreign.add(row["part_id"])
            words = "part %s has %r for an image, which is no file of the archive: left alone. Run ledger verify"
            _log.error(words, row["part_id"], name)
        return False


class Retention:
    """Sweeps in its own thread, with its own connection: neither deciding nor the ledger's thread waits for it."""

    def __init__(self, folder: Path, ledger_url: str, records: RecordsSettings) -> None:
        self._folder, self._database = folder, WritingDatabase(ledger_url)
        self._sweeper = Sweeper(folder, self._database, limits_of(records))
        self._clock = SteadyClock()
        self._stopping = threading.Event()
        remedy = "Images stay, and the disk may fill up. Start the database, or check the archive's permissions"
        self._outage = Outage("retention", f"archive {folder} cannot be cleared", remedy)
        self._thread = threading.Thread(target=self._run, name="retention", daemon=True)
        self._thread.start()

    def counters(self) -> dict[str, int]:
        """Counters under the names that the station's health gives them."""
        return {"images_retired": self._sweeper.retired, "retention_down": int(self._outage.lasting)}

    def close(self, timeout_s: float) -> bool:
        """Ends the thread after the group it is at; False when that took longer."""
        self._stopping.set()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        counted, age_due_s = False, 0.0
        while not self._stopping.is_set():
            by_age = time.monotonic() >= age_due_s
            try:
                counted = counted or take_inventory(self._folder, self._database)
                while self._sweeper.sweep(self._clock.wall_ns() if by_age else None):
                    if self._stopping.wait(0.05):
                        return
            except (SQLAlchemyError, OSError, InputError, Vanished) as e:
                self._outage.begin(plain_text(e))
            else:
                self._outage.end()
                age_due_s = time.monotonic() + AGE_S if by_age else age_due_s
            self._stopping.wait(SWEEP_S)


class SteadyClock:
    """The wall clock, for as long as it runs as the monotonic one does: a jump must not age every image at once."""

    def __init__(self) -> None:
        self._offset_ns = wall_ns() - time.monotonic_ns()

    def wall_ns(self) -> int | None:
        """Unix time; None when the clock has been set by more than an hour since the start."""
        now_ns = wall_ns()
        step_ns = now_ns - time.monotonic_ns() - self._offset_ns
        return now_ns if abs(step_ns) < LARGEST_CLOCK_STEP_NS else None


def _remove_empty_days(folders: Iterable[Path]) -> None:
    """Not of a day that may still be written: between making a folder and the first file in it, it is empty, too."""
    recent = {f"{datetime.now(UTC) + timedelta(days=days):%Y-%m-%d}" for days in (-1, 0, 1)}
    for folder in folders:
        if folder.name not in recent:
            with suppress(OSError):  # there are images left in it
                folder.rmdir()


def _in_order() -> Select[Any]:
    """Images that are kept, in the order in which they go."""
    return select(archive_files).where(KEPT).order_by(archive_files.c.accepted.desc(), archive_files.c.trigger_wall_ns)
