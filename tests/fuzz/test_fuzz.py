"""A few thousand of what `python tests/fuzz` does a million times, with a new seed whenever the day changes."""

import time
from pathlib import Path

import pytest
from config_fuzz import fuzz_configs
from decision_fuzz import fuzz_decision
from message_fuzz import fuzz_messages
from ring_fuzz import fuzz_rings

SEED = int(time.time() // 86_400)


@pytest.fixture(autouse=True)
def name_the_seed() -> None:
    """Shown with a test that fails: `python tests/fuzz TARGET --seed` repeats it."""
    print(f"seed {SEED}")


def test_a_damaged_message_is_refused_or_was_built_wrong_and_is_stable() -> None:
    tally = fuzz_messages(20_000, SEED)
    assert tally.refused > 0.7 * tally.damaged
    assert tally.decoded > 0.02 * tally.damaged, "nothing got past the checksum: the decoder was not tested"


def test_a_damaged_ring_gives_the_very_frame_or_none() -> None:
    tally = fuzz_rings(10_000, SEED)
    assert tally.torn > 0.8 * tally.damaged
    assert tally.whole > 0, "damage where nothing lies harms nothing"


def test_a_damaged_line_file_is_one_clear_line_or_a_line(tmp_path: Path) -> None:
    tally = fuzz_configs(3_000, SEED, tmp_path)
    assert tally.refused > 0.5 * tally.damaged
    assert tally.valid > tally.startable > 0.02 * tally.damaged, "nothing got past YAML: the bounds were not tested"


def test_decision_lives_through_damaged_messages_and_accepts_what_it_should(tmp_path: Path) -> None:
    tally = fuzz_decision(8_000, SEED, tmp_path)
    assert tally.refused > 0.7 * tally.damaged
    assert tally.accepted > 0.2 * tally.parts


@pytest.mark.slow
def test_many_more(tmp_path: Path) -> None:
    fuzz_messages(300_000, SEED + 1)
    fuzz_rings(150_000, SEED + 1)
    fuzz_configs(10_000, SEED + 1, tmp_path)
