"""Plain words for all that a station may report."""

import pytest

from line_inspector.overlay.words import REASONS, age_in_words, reason_in_words, station_in_words
from line_inspector.part_record import Reason


def test_every_reason_has_words_of_its_own() -> None:
    assert set(REASONS) == set(Reason)
    assert len(set(REASONS.values())) == len(Reason)


def test_a_reason_of_a_newer_station_is_shown_as_it_is() -> None:
    assert reason_in_words("belt_on_fire") == "belt on fire"


@pytest.mark.parametrize(
    ("station", "words"),
    [("capture.top", "Camera top"), ("decision", "Decision"), ("world", "Conveyor (simulated)")],
)
def test_stations_have_names_that_operators_know(station: str, words: str) -> None:
    assert station_in_words(station) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-1, "0 s"), (0, "0 s"), (59.9, "59 s"), (60, "1 min 00 s"), (3599, "59 min 59 s"), (3661, "1 h 01 min")],
)
def test_ages(seconds: float, words: str) -> None:
    assert age_in_words(int(seconds * 1e9)) == words
