"""The ledger's writing end: a thread that commits decided parts in groups, whatever the database does.

Submitting never waits. While the database is locked, full or gone, rows stay in memory (about a kilobyte each; the
journal holds them too) and are tried again; the log has one line per outage.
"""

import queue
import threading
from collections import deque
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from line_inspector.errors import InputError
from line_inspector.messages import PartRecord
from line_inspector.records.database import REMEDY, Vanished, WritingDatabase, is_transient, plain_text
from line_inspector.records.outage import Outage
from line_inspector.records.schema import row_of

GROUP_S = 0.02
GROUP_ROWS = 50  # few enough that this thread never keeps the interpreter from deciding for more than about 1 ms
FIRST_RETRY_S = 0.05
LONGEST_RETRY_S = 1.0


@dataclass(frozen=True)
class ArchivedImage:
    """Where a part's image and heat map lie, from the archive's folder; `heat_path` is None without a verdict."""

    part_id: str
    image_path: str
    heat_path: str | None


Row = PartRecord | ArchivedImage


class LedgerWriter:
    """Writes to the database at `url`. Raises InputError at once when that is not, and cannot become, a ledger.

    `submit` and `committed` are for one thread, `submit_image` for any.
    """

    def __init__(self, url: str) -> None:
        self._database = WritingDatabase(url)
        self._waiting: queue.SimpleQueue[Row | None] = queue.SimpleQueue()
        self._committed: deque[str] = deque()
        self._submitted = 0
        self._written = 0
        self._closing = threading.Event()
        self._abandoned = threading.Event()
        remedy = "Decisions go on, rows wait in memory. Free space, or close the program that locks the file"
        self._outage = Outage("ledger", f"ledger {self._database.path} cannot be written", remedy)
        self._open()
        self._thread = threading.Thread(target=self._run, name="ledger", daemon=True)
        self._thread.start()

    def submit(self, record: PartRecord) -> None:
        """Hands the record to the thread. A part that the ledger already has is left as it is, and reported again."""
        self._submitted += 1
        self._waiting.put(record)

    def submit_image(self, part_id: str, image: str, heat: str | None) -> None:
        """Notes where the part's image and heat map lie, from the archive's folder."""
        self._waiting.put(ArchivedImage(part_id, image, heat))

    def committed(self) -> list[str]:
        """Ids of parts that are safe in the ledger, each submission reported once."""
        ids: list[str] = []
        while self._committed:
            ids.append(self._committed.popleft())
        return ids

    @property
    def alive(self) -> bool:
        """Whether its thread still writes, or waits for the database."""
        return self._thread.is_alive()

    @property
    def pending(self) -> int:
        """Parts submitted and not yet committed."""
        return self._submitted - self._written

    def close(self, timeout_s: float) -> bool:
        """Commits what waits and ends the thread; False when the database did not take everything in time."""
        self._closing.set()
        self._waiting.put(None)
        self._thread.join(timeout_s)
        all_written = not self._thread.is_alive()
        self._abandoned.set()
        return all_written

    def _open(self) -> None:
        try:
            self._database.open()
        except SQLAlchemyError as e:
            if not is_transient(e):
                raise InputError(plain_text(e), str(self._database.path), REMEDY) from e
            self._outage.begin(plain_text(e))
        except OSError as e:
            raise InputError(f"cannot make the ledger ({e.strerror})", str(self._database.path), REMEDY) from e

    def _run(self) -> None:
        while not (self._closing.is_set() and self._waiting.empty()) and not self._abandoned.is_set():
            self._commit(self._gather())
        self._database.close()

    def _gather(self) -> list[Row]:
        """At least one row, and those that come soon after; an empty list when closing."""
        gathered = [self._waiting.get()]
        if self._waiting.qsize() < GROUP_ROWS:
            self._closing.wait(GROUP_S)
        while len(gathered) < GROUP_ROWS and not self._waiting.empty():
            gathered.append(self._waiting.get())
        return [row for row in gathered if row is not None]

    def _commit(self, rows: list[Row]) -> None:
        """Tries until the database has the rows, or `close` gives up."""
        records = [row for row in rows if isinstance(row, PartRecord)]
        part_rows = [row_of(record) for record in records]
        image_rows = [asdict(row) for row in rows if isinstance(row, ArchivedImage)]
        retry_s = FIRST_RETRY_S
        while rows and not self._tried(part_rows, image_rows):
            if self._abandoned.wait(retry_s):
                return
            retry_s = min(2 * retry_s, LONGEST_RETRY_S)
        self._written += len(records)
        self._committed.extend(record.part_id for record in records)

    def _tried(self, part_rows: list[dict[str, Any]], image_rows: list[dict[str, Any]]) -> bool:
        try:
            self._database.write(part_rows, image_rows)
        except (SQLAlchemyError, OSError, InputError, Vanished) as e:
            self._outage.begin(plain_text(e))
            return False
        self._outage.end()
        return True
