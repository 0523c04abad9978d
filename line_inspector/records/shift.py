"""When a shift begins and ends."""

from datetime import date, datetime, time, timedelta


def shift_period(times: str, day: date | None, now: datetime) -> tuple[datetime, datetime]:
    """Begin and end, in local time, of the shift `times`, such as 22:00-06:00, that begins on `day`.

    Without a day, the latest that has begun by `now`. One that ends at or before its begin ends on the next day.
    """
    begin_time, end_time = (time.fromisoformat(part) for part in times.split("-"))
    if day is None:
        day = now.date() if now.time() >= begin_time else now.date() - timedelta(days=1)
    end_day = day if end_time > begin_time else day + timedelta(days=1)
    return datetime.combine(day, begin_time).astimezone(), datetime.combine(end_day, end_time).astimezone()
