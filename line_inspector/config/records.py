"""Ledger and archive."""

from typing import Annotated

from pydantic import AfterValidator, Field

from line_inspector.config.section import Section


def _ledger(place: str) -> str:
    if not place or "\0" in place:
        raise ValueError("name a file")
    if "://" in place and not place.startswith("sqlite:////"):
        raise ValueError("the ledger must be an SQLite file so far: a file name, or sqlite:////folder/ledger.sqlite")
    return place


LedgerPlace = Annotated[str, AfterValidator(_ledger)]


class RecordsSettings(Section):
    """Ledger and archive."""

    ledger: LedgerPlace = Field(
        "ledger.sqlite", description="file in data_dir, or sqlite:////folder/file; only SQLite so far"
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
