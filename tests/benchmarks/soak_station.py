"""A station of the line under soak: `python soak_station.py NAME REMEMBERED LINE.yaml [options]`.

The station is the real one, but for two things. The worker's model is a stand-in that takes microseconds, so that the
line, and not the network, is under load. And what stations remember of parts long gone, a fixed number of them, is
scaled down with the number of parts, so that a shorter soak, too, has it full before its second tenth.
"""

import sys
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from line_inspector import runtime
from line_inspector.decision import decided_ids, receipts
from line_inspector.inference.engine import Finding, FrameFault
from line_inspector.messages import HEAT_SIDE_PX

HEAT = np.zeros((HEAT_SIDE_PX, HEAT_SIDE_PX), np.uint8)


class FastEngine:
    """The brighter the frame's first pixel, the worse the part."""

    runtime = "stand-in"
    version, threshold, pixel_threshold, image_size_px, max_batch_size = "stand-in", 0.5, 0.4, 64, 32

    def infer(self, frames: Sequence[NDArray[np.uint8]]) -> list[Finding | FrameFault]:
        return [Finding(float(frame.flat[0]) / 255, HEAT) for frame in frames]

    def latency_ns(self, batch_size: int) -> int:
        return 20_000 * batch_size


def main() -> None:
    name, remembered = sys.argv[1], int(sys.argv[2])
    del sys.argv[1:3]
    decided_ids.REMEMBERED_PARTS = receipts.REMEMBERED_PARTS = remembered
    {"capture": capture, "decision": decision, "inference": inference}[name](remembered)


def capture(remembered: int) -> None:
    from stations import capture as station

    station.REMEMBERED_PARTS = min(station.REMEMBERED_PARTS, remembered)
    runtime.main("capture", station.serve, station._camera_option)


def decision(_remembered: int) -> None:
    from stations import decision as station

    runtime.main("decision", station.serve, orphan_grace_s=station.ORPHAN_GRACE_S)


def inference(_remembered: int) -> None:
    from stations import inference as station

    station.engine_loader = lambda _line: lambda _folder: FastEngine()
    runtime.main_with_standby("inference", station.prepare, station.serve)


if __name__ == "__main__":
    main()
