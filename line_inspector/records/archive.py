"""Archived images: every reject that has a frame, and a sample of the accepts, from which the trainer learns at night.

Files lie at <folder>/<date in UTC>/<part>.png, lossless, 8-bit mono or BGR as sRGB, with the heat map beside them as
<part>.heat.png. A file appears whole or not at all for everyone who reads while the line runs; they are not synced to
the disk one by one, so a power cut may leave the last few empty.
"""

import hashlib
import queue
import re
import threading
import time
from pathlib import Path

import cv2
import numpy as np

from line_inspector.images import Frame
from line_inspector.messages import HEAT_SIDE_PX, SlotRef
from line_inspector.part_record import PartRecord
from line_inspector.records.free_space import FreeSpace
from line_inspector.records.ledger import LedgerWriter
from line_inspector.records.ledger_row import ArchivedImage
from line_inspector.records.outage import Outage
from line_inspector.records.schema import storable, within_int64
from line_inspector.ring import RingReader, TornFrame

FAST_PNG = (cv2.IMWRITE_PNG_COMPRESSION, 1)
PARTIAL = ".partial"
IMAGE_SUFFIX = ".png"
HEAT_SUFFIX = ".heat.png"

_PLAIN_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,119}")

Offer = tuple[PartRecord, SlotRef, bytes, str]


class Archive:
    """Writes images in its own thread. `offer` never waits: with `queue_length` images waiting it skips and counts.

    `accept_sample` is the share of accepted parts to keep, chosen by part id. With less than `min_free_mb` megabytes
    free on its disk it writes nothing and leaves the rest to journal and ledger; 0 is no limit. Counters, since the
    start: `written`, `skipped` (queue full), `torn` (the ring had reused the slot), `failed` (the disk refused),
    `held_back` (the disk is nearly full).
    """

    def __init__(
        self, folder: Path, ledger: LedgerWriter, accept_sample: float, queue_length: int, *, min_free_mb: float = 0
    ) -> None:
        self.written = self.skipped = self.torn = self.failed = self.held_back = 0
        self._folder, self._ledger, self._accept_sample = folder, ledger, accept_sample
        self._ring = RingReader()
        self._room = FreeSpace(folder, min_free_mb)
        self._offers: queue.Queue[Offer] = queue.Queue(queue_length)
        self._stopping = threading.Event()
        remedy = "Parts are still decided and in the ledger, their images are lost. Free space on that disk"
        self._outage = Outage("archive", f"archive {folder} takes no images", remedy)
        self._thread = threading.Thread(target=self._run, name="archive", daemon=True)
        self._thread.start()

    def offer(self, record: PartRecord, slot: SlotRef | None, heat: bytes, view_id: str) -> None:
        """Takes the part's image if it is to be kept. `heat` is a Verdict's heat map, or empty without one.

        `view_id` is the id under which the frame lies in the ring: of several cameras, that of the view that decided.
        """
        if slot is None or (record.accepted and not in_sample(record.part_id, self._accept_sample)):
            return
        try:
            self._offers.put_nowait((record, slot, heat, view_id))
        except queue.Full:
            self.skipped += 1

    @property
    def alive(self) -> bool:
        """Whether its thread still writes."""
        return self._thread.is_alive()

    def counters(self) -> dict[str, int]:
        """The counters under the names that the station's health gives them."""
        names = ("written", "skipped", "torn", "failed", "held_back")
        return {f"images_{name}": getattr(self, name) for name in names}

    def close(self, timeout_s: float) -> bool:
        """Writes what waits and ends the thread; False when that took longer."""
        self._stopping.set()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        self._remove_leftovers()
        while not (self._stopping.is_set() and self._offers.empty()):
            try:
                offered = self._offers.get(timeout=0.1)
            except queue.Empty:
                continue
            self._keep(*offered)

    def _remove_leftovers(self) -> None:
        try:
            for leftover in self._folder.glob(f"*/*{PARTIAL}"):
                leftover.unlink()
        except OSError as e:
            self._outage.begin(e.strerror)

    def _keep(self, record: PartRecord, slot: SlotRef, heat: bytes, view_id: str) -> None:
        shortage = self._room.shortage(time.monotonic_ns())
        if shortage:
            self.held_back += 1
            self._outage.begin(f"{shortage}, the limit is records.archive_min_free_mb")
            return
        try:
            frame = self._ring.copy(slot, view_id)
        except TornFrame:
            self.torn += 1
            return
        try:
            image = self._write(record, frame, heat)
        except OSError as e:
            self.failed += 1
            self._outage.begin(e.strerror)
            return
        self._outage.end()
        self._ledger.submit_image(image)
        self.written += 1

    def _write(self, record: PartRecord, frame: Frame, heat: bytes) -> ArchivedImage:
        wall_ns = within_int64(record.trigger_wall_ns)
        stem = f"{np.datetime64(wall_ns, 'ns').astype('datetime64[D]')}/{file_stem(record.part_id)}"
        heat_path, size_bytes = None, 0
        if len(heat) == HEAT_SIDE_PX**2:
            heat_path = f"{stem}{HEAT_SUFFIX}"
            picture = np.frombuffer(heat, np.uint8).reshape(HEAT_SIDE_PX, HEAT_SIDE_PX)
            size_bytes += write_png(self._folder / heat_path, picture)
        image_path = f"{stem}{IMAGE_SUFFIX}"
        size_bytes += write_png(self._folder / image_path, frame)
        part_id = storable(record.part_id)
        return ArchivedImage(part_id, image_path, heat_path, wall_ns, record.accepted, size_bytes)


def in_sample(part_id: str, share: float) -> bool:
    """Whether the part is among the `share` of all parts, 0 to 1, that a hash of the id picks: the same every time."""
    return int.from_bytes(hashlib.sha256(part_id.encode()).digest()[:8], "big") < share * 2**64


def file_stem(part_id: str) -> str:
    """The part's id where it is a safe file name, otherwise a hash of it: ids come from outside."""
    if _PLAIN_NAME.fullmatch(part_id) and not part_id.endswith(".heat"):
        return part_id
    return f"part-{hashlib.sha256(part_id.encode()).hexdigest()[:32]}"


def write_png(path: Path, picture: Frame) -> int:
    """Writes (H, W) or (H, W, 3) BGR uint8 losslessly, and returns the size in bytes. Raises OSError.

    `path` appears whole or not at all.
    """
    _, encoded = cv2.imencode(".png", picture, FAST_PNG)
    partial = path.with_name(path.name + PARTIAL)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        partial.write_bytes(encoded.tobytes())
        partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise
    return len(encoded)
