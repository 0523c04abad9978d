"""The time that is kept back for what follows the last step: choice, calibration, report, writing."""

import time
from collections.abc import Callable

from line_inspector.model.adps import ADPS
from line_inspector.training.material import GOLDEN_FRAMES, Material
from line_inspector.training.selection import image_heats

WRITING_S = 4.0
PROBES = 3  # the quickest counts: another program may have run beside one of them


def measure_reserve_s(model: ADPS, material: Material) -> float:
    """How long it will take on this machine, in seconds, with a margin."""
    tiling = material.good.tiling
    probe = material.good.pixels[[0] * max(1, 8 // tiling.count)]
    image_heats(model, probe, tiling)
    probes_s = min(_seconds(lambda: image_heats(model, probe, tiling)) for _ in range(PROBES))
    frames = len(material.held_out) + len(material.handed_on) + GOLDEN_FRAMES
    tiles = 2 * len(material.choice_set.images) + frames * tiling.count  # the last look, the report's, the calibration
    return WRITING_S + 2.0 * tiles * probes_s / (len(probe) * tiling.count)


def _seconds(work: Callable[[], object]) -> float:
    started_s = time.monotonic()
    work()
    return time.monotonic() - started_s
