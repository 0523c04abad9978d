"""The ledger's writing end: a thread that commits decided parts in groups, whatever the database does.

Submitting never waits. While the database is locked, full or gone, rows of parts stay in memory (about a kilobyte each;
the journal holds them too) and are tried again; the log has one line per outage. Alarms, challenges and other changes
are in no journal: they go through the spool, whatever the database does.
"""

import queue
import threading
import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from line_inspector.challenge_record import ChallengeRecord
from line_inspector.errors import InputError
from line_inspector.part_record import PartRecord
from line_inspector.records.audit import Change
from line_inspector.records.change_spool import ChangeSpool, Spooled
from line_inspector.records.database import Vanished, WritingDatabase, is_transient, plain_text
from line_inspector.records.group import Group
from line_inspector.records.ledger_row import ArchivedImage, LineSettings, Row, SpoolGrown
from line_inspector.records.outage import Outage
from line_inspector.records.spooler import Spooler

GROUP_S = 0.05  # a commit costs an fsync and a millisecond of a core, however few rows it holds
GROUP_ROWS = 25  # few enough that this thread never keeps the interpreter from deciding for more than about 1 ms
FIRST_RETRY_S = 0.05
LONGEST_RETRY_S = 1.0
FIRST_LOOK_S = 3.0  # a server that is stalled must not keep decision, and with it the line, from starting


class LedgerWriter:
    """Writes to the database at `url`. Raises InputError at once when that is not, and cannot become, a ledger.

    A database that cannot be reached, or does not answer within FIRST_LOOK_S, may become one. `submit` and `committed`
    are for one thread, `submit_image` for any. `spool` is where commands leave changes, and a thread of ours alarms and
    challenges; they go into their tables from there. Without one, and while it cannot be written, those wait in memory.
    """

    def __init__(self, url: str, spool: Path | None = None) -> None:
        self._database = WritingDatabase(url)
        self._spool = ChangeSpool(spool) if spool else None
        self._waiting: queue.SimpleQueue[Row | None] = queue.SimpleQueue()
        self._committed: deque[str] = deque()
        self._submitted = 0
        self._written = 0
        self._trying: list[Row] = []  # by the thread, at present
        self._closing = threading.Event()
        self._abandoned = threading.Event()
        remedy = "Decisions go on, rows wait in memory and journal. Start the server, free space, or release locks"
        self._outage = Outage("ledger", f"ledger {self._database.store.shown} cannot be written", remedy)
        self._refusal: InputError | None = None
        self._looked = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ledger", daemon=True)
        self._thread.start()
        self._looked.wait(FIRST_LOOK_S)
        if self._refusal:
            raise self._refusal
        self._spooler = Spooler(self._spool, self._spool_has_grown, self._submit_unspooled) if self._spool else None

    def submit(self, record: PartRecord) -> None:
        """Hands the record to the thread. A part that the ledger already has is left as it is, and reported again."""
        self._submitted += 1
        self._waiting.put(record)

    def submit_image(self, image: ArchivedImage) -> None:
        """Notes where a part's image and heat map lie."""
        self._waiting.put(image)

    def submit_settings(self, settings: Mapping[str, object]) -> None:
        """Puts on record what differs from the line file of the last start, if anything does."""
        self._waiting.put(LineSettings(settings))

    def submit_change(self, change: Change) -> None:
        """Puts a change on record, such as an alarm; it is in the spool soon, and in the audit table in time."""
        self._submit_spooled(change)

    def submit_challenge(self, record: ChallengeRecord) -> None:
        """Puts on record how a challenge went, as a change."""
        self._submit_spooled(record)

    def committed(self) -> list[str]:
        """Ids of parts that are safe in the ledger, each submission reported once."""
        ids: list[str] = []
        while self._committed:
            ids.append(self._committed.popleft())
        return ids

    @property
    def alive(self) -> bool:
        """Whether its threads still write, or wait for the database."""
        return self._thread.is_alive() and (self._spooler is None or self._spooler.alive)

    @property
    def down(self) -> bool:
        """Whether the database takes nothing at present."""
        return self._outage.lasting

    @property
    def pending(self) -> int:
        """Parts submitted and not yet committed."""
        return self._submitted - self._written

    def close(self, timeout_s: float) -> bool:
        """Commits what waits and ends the thread; False when the database did not take everything in time."""
        end_s = time.monotonic() + timeout_s
        spooled = self._spooler.close(timeout_s) if self._spooler else True
        self._closing.set()
        self._waiting.put(None)
        self._thread.join(max(0.0, end_s - time.monotonic()))
        all_written = spooled and not self._thread.is_alive() and not self.pending
        self._abandoned.set()
        if not all_written:
            self._keep_unspooled()
        return all_written

    def _keep_unspooled(self) -> None:
        """Leaves in the spool what it could not take before; parts are in the journal, and announced again."""
        rows = list(self._trying)
        while not self._waiting.empty():
            with suppress(queue.Empty):
                row = self._waiting.get_nowait()
                rows += [row] if row else []
        unspooled = [row for row in rows if isinstance(row, (Change, ChallengeRecord))]
        if self._spool and unspooled:
            try:
                self._spool.add(*unspooled)
            except OSError as e:
                self._outage.begin(e.strerror)

    def _submit_spooled(self, one: Spooled) -> None:
        if self._spooler:
            self._spooler.put(one)
        else:
            self._submit_unspooled(one)

    def _submit_unspooled(self, one: Spooled) -> None:
        self._waiting.put(one)

    def _spool_has_grown(self) -> None:
        self._waiting.put(SpoolGrown())

    def _look(self) -> InputError | None:
        """Opens the database for the first time; why it never can be a ledger."""
        store = self._database.store
        try:
            self._database.open()
        except InputError as e:
            return e
        except SQLAlchemyError as e:
            if not is_transient(store, e):
                return InputError(plain_text(e), store.shown, store.remedy)
            self._outage.begin(plain_text(e))
        except OSError as e:
            return InputError(f"cannot make the ledger ({e.strerror})", store.shown, store.remedy)
        else:
            self._drain_spool()
        return None

    def _run(self) -> None:
        self._refusal = self._look()
        self._looked.set()
        if self._refusal:
            self._outage.begin(self._refusal.what)  # for the log, should nobody wait for it any more
            return
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
        group, self._trying = Group(), rows
        for row in rows:
            group.add(row)
        retry_s = FIRST_RETRY_S
        while rows and not self._tried(group):
            if self._abandoned.wait(retry_s):
                return
            retry_s = min(2 * retry_s, LONGEST_RETRY_S)
        self._trying = []
        self._written += len(group.part_ids)
        self._committed.extend(group.part_ids)

    def _tried(self, group: Group) -> bool:
        try:
            with self._database.transaction() as connection:
                group.append(connection)
        except (SQLAlchemyError, OSError, InputError, Vanished) as e:
            self._outage.begin(plain_text(e))
            return False
        self._outage.end()
        self._drain_spool()
        return True

    def _drain_spool(self) -> None:
        if self._spool:
            with suppress(SQLAlchemyError, OSError, InputError, Vanished):  # parts come first; it is tried again
                self._spool.drain(self._database)
