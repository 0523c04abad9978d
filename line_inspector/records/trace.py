"""All that the ledger knows of one part: its decision, the time of every hop, and where its images lie."""

from dataclasses import dataclass
from pathlib import Path

import msgspec
from sqlalchemy import select

from line_inspector.errors import InputError
from line_inspector.part_record import PartRecord
from line_inspector.records.archive_name import foreign_name
from line_inspector.records.reading import reading
from line_inspector.records.schema import archive_files, parts, record_of, storable
from line_inspector.records.typed_row import typed

HOPS = ("captured", "inference_start", "inference_end", "verdict", "decided", "deadline", "gate")


@dataclass(frozen=True)
class PartTrace:
    """`image` and `heat` are None for a part of which none was kept; with `retired_wall_ns`, they are gone.

    `number` and `hash` are its place in the ledger's chain; None for a part from before there was one.
    """

    record: PartRecord
    number: int | None
    hash: str | None
    image: Path | None
    heat: Path | None
    retired_wall_ns: int | None
    retired_why: str | None

    @property
    def missing(self) -> list[Path]:
        """Files that should be there, since nobody says that they are retired, and are not."""
        if self.retired_wall_ns is not None:
            return []
        return [path for path in (self.image, self.heat) if path and not path.is_file()]

    @property
    def times_ms(self) -> dict[str, float | None]:
        """Milliseconds since the trigger of every hop in HOPS; None for one that the part did not make."""
        times_ns = {name: getattr(self.record, f"{name}_ns") for name in HOPS}
        start_ns = self.record.trigger_ns
        return {name: None if at_ns is None else (at_ns - start_ns) / 1e6 for name, at_ns in times_ns.items()}


def trace(ledger_url: str, archive_dir: Path, part_id: str) -> PartTrace | None:
    """The part, or None when the ledger does not know it. Raises InputError as `read_parts` does."""
    part_id = storable(part_id)
    with reading(ledger_url) as connection:
        row = connection.execute(select(parts).where(parts.c.part_id == part_id)).mappings().first()
        found = connection.execute(select(archive_files).where(archive_files.c.part_id == part_id)).mappings().first()
    if row is None:
        return None
    record = record_of({name: row[name] for name in PartRecord.__struct_fields__})
    place = typed((row["number"], row["hash"]), tuple[int | None, str | None], f"part {part_id}")
    if found is None:
        return PartTrace(record, *place, None, None, None, None)
    kept = typed({name: found[name] for name in _Kept.__struct_fields__}, _Kept, f"image of part {part_id}")
    name = foreign_name(kept.image_path, kept.heat_path)
    if name is not None:
        what = f"{name!r} is no file of the archive"
        raise InputError(what, f"ledger, image of part {part_id}", "See line-inspector ledger verify LINE.yaml")
    image, heat = (archive_dir / name if name else None for name in (kept.image_path, kept.heat_path))
    return PartTrace(record, *place, image, heat, kept.retired_wall_ns, kept.retired_why)


def newest_part_id(ledger_url: str) -> str | None:
    """The id of the part that was triggered last; None of an empty ledger. Raises InputError as `read_parts` does."""
    with reading(ledger_url) as connection:
        found = connection.execute(select(parts.c.part_id).order_by(parts.c.trigger_wall_ns.desc()).limit(1)).scalar()
    return None if found is None else str(found)


class _Kept(msgspec.Struct):
    image_path: str
    heat_path: str | None
    retired_wall_ns: int | None
    retired_why: str | None
