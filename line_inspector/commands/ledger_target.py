"""Where a report may write its table and its chart: not over what belongs to the line, nor over any other file."""

from pathlib import Path

from sqlalchemy import make_url

from line_inspector.config import Line
from line_inspector.errors import InputError

CSV_BEGIN = b"from,triggers,accepted,rejected"
PNG_BEGIN = b"\x89PNG\r\n\x1a\n"
ELSEWHERE = "Name a file outside data_dir that is not there yet, or that an earlier report wrote"


def require_target(option: str, target: Path, begin: bytes, line: Line, line_file: Path) -> None:
    """Raises InputError for the line file, anything in data_dir, the ledger's own files, and a file of another kind.

    `begin` is how every file of this kind begins. Links are followed. What is no plain file, such as a pipe, is none
    of ours; an empty file may be written over.
    """
    place = target.resolve()
    where = f"{option} {target}"
    if place == line_file.resolve():
        raise InputError("is the line file", where, ELSEWHERE)
    if place.is_relative_to(line.data_dir.resolve()):
        raise InputError("lies in data_dir, where the line's own files are", where, ELSEWHERE)
    if place in _ledger_files(line):
        raise InputError("is a file of the ledger", where, ELSEWHERE)
    if place.is_file() and not _is_of_kind(place, begin):
        raise InputError("is there already, and is no such report", where, ELSEWHERE)


def _ledger_files(line: Line) -> set[Path]:
    """Of an SQLite ledger, the file and those that SQLite keeps beside it; they may lie outside data_dir."""
    url = make_url(line.ledger_url)
    if url.get_backend_name() != "sqlite" or not url.database:
        return set()
    ledger = Path(url.database).resolve()
    return {ledger.with_name(ledger.name + suffix) for suffix in ("", "-wal", "-shm", "-journal")}


def _is_of_kind(place: Path, begin: bytes) -> bool:
    with place.open("rb") as file:
        found = file.read(len(begin))
    return found in (b"", begin)
