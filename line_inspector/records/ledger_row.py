"""What the ledger's thread is handed: decided parts, where their images lie, the line file's settings, and the rest."""

from collections.abc import Mapping
from dataclasses import dataclass

from line_inspector.part_record import PartRecord
from line_inspector.records.change_spool import Spooled


@dataclass(frozen=True)
class ArchivedImage:
    """Where a part's image and heat map lie, from the archive's folder; `heat_path` is None without a verdict.

    `size_bytes` is that of both files; `trigger_wall_ns` and `accepted` are the part's.
    """

    part_id: str
    image_path: str
    heat_path: str | None
    trigger_wall_ns: int
    accepted: bool
    size_bytes: int


@dataclass(frozen=True)
class LineSettings:
    """What the line file says, by dotted key, without passwords."""

    values: Mapping[str, object]


class SpoolGrown:
    """Nothing to commit, but something waits in the spool."""


Row = PartRecord | ArchivedImage | LineSettings | Spooled | SpoolGrown
