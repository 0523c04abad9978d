"""The archive's files against the ledger's rows, once at each start: what a killed process left between the two.

A picture whose row never reached the ledger is noted now, if its part is there: otherwise no trace would find it and no
retention would ever delete it. Rows from before sizes were noted get theirs.
"""

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

from sqlalchemy import select, update

from line_inspector.records.archive import HEAT_SUFFIX, IMAGE_SUFFIX
from line_inspector.records.archive_name import is_ours
from line_inspector.records.database import WritingDatabase, append_images
from line_inspector.records.schema import archive_files, parts

GROUP = 200
LONELY_S = 3600  # a heat map is written before its picture; one that waits for it so long waits in vain


def take_inventory(folder: Path, database: WritingDatabase) -> bool:
    """Brings the ledger in line with what lies in `folder`. True; raises OSError, and as `WritingDatabase.transaction`.

    A file that names no part of the ledger is left alone.
    """
    pictures = _pictures(folder)
    while stems := list(islice(pictures, GROUP)):
        _adopt(folder, database, stems)
    while _note_sizes(folder, database):
        pass
    return True


def _pictures(folder: Path) -> Iterator[str]:
    """Every picture as <date>/<part>; a heat map whose picture never came is deleted."""
    for day in sorted(folder.glob("????-??-??")):
        names = {entry.name for entry in os.scandir(day) if entry.name.isprintable()}  # others are none of ours
        for name in names:
            if name.endswith(HEAT_SUFFIX):
                if name.removesuffix(HEAT_SUFFIX) + IMAGE_SUFFIX not in names:
                    _delete_lonely(day / name)
            elif name.endswith(IMAGE_SUFFIX):
                yield f"{day.name}/{name.removesuffix(IMAGE_SUFFIX)}"


def _delete_lonely(heat: Path) -> None:
    with suppress(FileNotFoundError):
        if time.time() - heat.stat().st_mtime > LONELY_S:
            heat.unlink()


def _adopt(folder: Path, database: WritingDatabase, stems: list[str]) -> None:
    by_part = {stem.partition("/")[2]: stem for stem in stems}
    query = select(parts.c.part_id, parts.c.trigger_wall_ns, parts.c.accepted).where(
        parts.c.part_id.in_(by_part), parts.c.part_id.not_in(select(archive_files.c.part_id))
    )
    with database.looking() as connection:
        strays = connection.execute(query).mappings().all()
    if not strays:
        return
    rows = []
    for part in strays:
        stem = by_part[part["part_id"]]
        heat = f"{stem}{HEAT_SUFFIX}" if (folder / f"{stem}{HEAT_SUFFIX}").exists() else None
        image = f"{stem}{IMAGE_SUFFIX}"
        rows.append({**part, "image_path": image, "heat_path": heat, "size_bytes": _size_bytes(folder, image, heat)})
    with database.transaction() as connection:
        append_images(connection, rows)


def _note_sizes(folder: Path, database: WritingDatabase) -> bool:
    unknown = archive_files.c.size_bytes.is_(None) & archive_files.c.removed.is_(False)
    with database.transaction() as connection:
        rows = connection.execute(select(archive_files).where(unknown).limit(GROUP)).mappings().all()
        for row in rows:
            size_bytes = _size_bytes(folder, row["image_path"], row["heat_path"])
            this = archive_files.c.part_id == row["part_id"]
            connection.execute(update(archive_files).where(this).values(size_bytes=size_bytes))
    return bool(rows)


def _size_bytes(folder: Path, *names: str | None) -> int:
    total = 0
    for name in filter(is_ours, names):
        with suppress(FileNotFoundError):
            assert name
            total += (folder / name).stat().st_size
    return total
