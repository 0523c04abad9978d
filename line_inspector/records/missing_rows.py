"""How many rows of a time were taken out of the ledger: the chain numbers every row, without a gap."""

from sqlalchemy import ColumnElement, Connection, func, select

from line_inspector.records.chain import HIGHEST_NUMBER
from line_inspector.records.reading import reading
from line_inspector.records.schema import parts

_number = parts.c.number
_numbered = _number.between(1, HIGHEST_NUMBER)


def missing_rows(ledger_url: str, since_wall_ns: int | None = None, before_wall_ns: int | None = None) -> int:
    """Numbers that no row has, from the last row before this time to the first after it. Raises as `read_parts`.

    A row counts as there wherever its own time lies, so neither a limit nor a clock that was set makes one missing; nor
    does a line that runs, since rows are numbered as they are written. Rows cut off at the end do not show.
    """
    with reading(ledger_url) as connection:
        lower, upper = _around(connection, since_wall_ns, before_wall_ns)
        between = select(func.count()).where(_numbered, _number > lower, _number < upper)
        return max(0, upper - lower - 1 - connection.execute(between).scalar_one())


def _around(connection: Connection, since_wall_ns: int | None, before_wall_ns: int | None) -> tuple[int, int]:
    """The numbers next to those of the time; 0 before the first row, and one more than the last after it."""
    at = parts.c.trigger_wall_ns
    since = None if since_wall_ns is None else at >= since_wall_ns
    before = None if before_wall_ns is None else at < before_wall_ns
    within = [limit for limit in (since, before) if limit is not None]
    query = select(func.min(_number), func.max(_number)).where(_numbered, *within)
    first, last = connection.execute(query).one()
    if first is not None:
        following = _one(connection, func.min(_number), _number > last)
        return _one(connection, func.max(_number), _number < first) or 0, following or int(last) + 1
    lower = 0 if since is None else _one(connection, func.max(_number), ~since) or 0
    upper = None if before is None else _one(connection, func.min(_number), ~before)
    return lower, lower + 1 if upper is None else upper


def _one(connection: Connection, value: ColumnElement[int], condition: ColumnElement[bool]) -> int | None:
    found = connection.execute(select(value).where(_numbered, condition)).scalar()
    return None if found is None else int(found)
