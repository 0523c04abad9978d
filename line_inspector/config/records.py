"""Ledger and archive."""

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from line_inspector.config.section import Name, Section

LEDGER_KINDS = "a ledger is a file name, sqlite:////folder/ledger.sqlite, or postgresql+psycopg://user@host/database"
SHIFT = re.compile(r"([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d")


def _ledger(place: str) -> str:
    """The messages never show the place itself: it may hold a password."""
    if not place or "\0" in place:
        raise ValueError("name a file")
    if "://" not in place or place.startswith("sqlite:////"):
        return place
    try:
        url = urlsplit(place)
        complete = url.scheme == "postgresql+psycopg" and len(url.path) > 1 and url.port != 0
    except ValueError as e:
        raise ValueError(f"not a URL; {LEDGER_KINDS}") from e
    if not complete:
        raise ValueError(LEDGER_KINDS)
    return place


def _shift(times: str) -> str:
    if not SHIFT.fullmatch(times) or times[:5] == times[6:]:
        raise ValueError("a shift is written as 06:00-14:00, in quotes, and lasts less than a day")
    return times


LedgerPlace = Annotated[str, AfterValidator(_ledger)]
ShiftTimes = Annotated[str, AfterValidator(_shift)]


class RecordsSettings(Section):
    """Ledger, archive, and how long images are kept."""

    ledger: LedgerPlace = Field(
        "ledger.sqlite",
        repr=False,
        description="file in data_dir, sqlite:////folder/file, or postgresql+psycopg://user@host/database",
    )
    shifts: dict[Name, ShiftTimes] = Field(
        {}, description="begin and end of each shift in local time, by name, for ledger report --shift"
    )
    keep_frames_s: float = Field(
        2.0, ge=0, le=60, description="how long after its deadline a frame stays in the ring for archive and overlay"
    )
    accept_sample: float = Field(0.1, ge=0, le=1, description="share of accepted parts whose images are archived")
    archive_queue: int = Field(200, ge=1, le=100_000, description="images waiting for the disk before more are skipped")
    archive_min_free_mb: float = Field(
        1000,
        ge=0,
        le=1_000_000_000,
        description="no images while less is free: journal and ledger need it; 0 is no limit",
    )
    keep_accepts_days: float | None = Field(
        None,
        gt=0,
        le=36_500,
        description="images of accepts are retired when older; as keep_rejects_days when left out",
    )
    keep_rejects_days: float | None = Field(
        None, gt=0, le=36_500, description="images of rejects are retired when older; never when left out"
    )
    archive_max_mb: float | None = Field(
        None, gt=0, le=1_000_000_000, description="oldest images are retired while the archive is larger, accepts first"
    )
    archive_keep_free_mb: float | None = Field(
        None, gt=0, le=1_000_000_000, description="oldest images are retired while less is free, accepts first"
    )

    @model_validator(mode="after")
    def _rejects_outlive_accepts(self) -> "RecordsSettings":
        accepts, rejects = self.keep_accepts_days, self.keep_rejects_days
        if accepts is not None and rejects is not None and rejects < accepts:
            raise ValueError("rejects outlive accepts: keep_rejects_days must not be less than keep_accepts_days")
        return self

    @model_validator(mode="after")
    def _room_is_made_before_it_is_missed(self) -> "RecordsSettings":
        if self.archive_keep_free_mb is not None and self.archive_keep_free_mb <= self.archive_min_free_mb:
            raise ValueError("archive_keep_free_mb must be more than archive_min_free_mb, below which nothing is kept")
        return self
