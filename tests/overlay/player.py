"""A process that stands in for decision, inference, capture and world: real sockets, a real ring, real pixels.

`python player.py LINE.yaml` beats like four stations and reads orders from standard input, one JSON object a line:
{"camera", "accepted", "reason", "score", "defect", "seed", "slot"}; it answers each with the part id. `{"mute": [..]}`
silences stations. With `--rate HZ` it also makes parts by itself.
"""

import argparse
import json
import os
import selectors
import sys
import time
from collections import Counter
from pathlib import Path

import cv2
import numpy as np

from line_inspector.bus import Bus
from line_inspector.cameras.renderer import render
from line_inspector.line_file import read_line_file
from line_inspector.messages import HEAT_SIDE_PX, Health, Result
from line_inspector.overlay.liveness import watched_stations
from line_inspector.part_record import Reason
from line_inspector.ring import Geometry, RingWriter
from line_inspector.streams import HEALTH, RESULTS

THRESHOLD = 0.42
SIDE_PX = 256


class Player:
    def __init__(self, line_file: Path) -> None:
        line = read_line_file(line_file)
        bus = Bus(line.sockets_dir)
        self._results = bus.publisher(RESULTS)
        self._healths = {name: bus.publisher(HEALTH, name) for name in watched_stations(line)}
        geometry = Geometry(slots=16, slot_bytes=SIDE_PX * SIDE_PX * 3)
        self._rings = {camera: RingWriter(line.line, camera, geometry) for camera in line.cameras}
        self._muted: set[str] = set()
        self._counters: Counter[str] = Counter()
        self._number = 0

    def beat(self) -> None:
        for name, publisher in self._healths.items():
            if name not in self._muted:
                counters = dict(self._counters) if name == "decision" else {}
                publisher.send(
                    Health(
                        station=name,
                        pid=os.getpid(),
                        sent_ns=time.monotonic_ns(),
                        state="serving",
                        counters=counters,
                    )
                )

    def obey(self, order: dict) -> str:
        if "mute" in order:
            self._muted = set(order["mute"])
            return "muted"
        return self.part(**order)

    def part(
        self,
        camera: str = "top",
        accepted: bool = True,
        reason: str = "",
        score: float | None = 0.05,
        defect: str = "",
        seed: int = 1,
        slot: bool = True,
        torn: bool = False,
    ) -> str:
        self._number += 1
        now_ns = time.monotonic_ns()
        part_id = f"{camera}-{self._number:06d}"
        frame, mask = render(seed, defect, SIDE_PX, SIDE_PX)
        ref = self._rings[camera].write(frame, part_id, now_ns, 0, now_ns) if slot else None
        if torn:
            for _ in range(16):
                self._rings[camera].write(frame, "another part", now_ns, 0, now_ns)
        why = Reason(reason) if reason else Reason.GOOD if accepted else Reason.ANOMALY
        self._counters.update(["announced", "accepted" if accepted else "rejected", f"reason.{why}"])
        self._results.send(
            Result(
                part_id=part_id,
                view_id=part_id,
                camera=camera,
                decided_by=camera,
                leads=True,
                accepted=accepted,
                reason=why,
                score=score,
                threshold=None if score is None else THRESHOLD,
                pixel_threshold=None if score is None else THRESHOLD,
                model_version="v0007",
                slot=ref,
                heat=b"" if score is None else heat_of(mask, score, seed),
                trigger_wall_ns=time.time_ns(),
                trigger_ns=now_ns - 84_000_000,
                decided_ns=time.monotonic_ns(),
            )
        )
        return part_id

    def random_part(self, rng: np.random.Generator) -> None:
        seed, camera = int(rng.integers(1, 1_000_000)), str(rng.choice(list(self._rings)))
        fate = rng.random()
        if fate < 0.8:
            self.part(camera, score=float(rng.uniform(0.02, 0.3)), seed=seed)
        elif fate < 0.95:
            defect = str(rng.choice(["scratch", "chip", "stain"]))
            self.part(camera, False, score=float(rng.uniform(0.6, 0.98)), defect=defect, seed=seed)
        else:
            self.part(camera, False, "no_verdict", None, seed=seed)


def heat_of(mask: np.ndarray, score: float, seed: int) -> bytes:
    noise = np.random.default_rng(seed).random((8, 8)).astype(np.float32)
    calm = cv2.resize(noise, (HEAT_SIDE_PX, HEAT_SIDE_PX), interpolation=cv2.INTER_CUBIC).clip(0, 1) * 0.08
    small = cv2.resize(mask.astype(np.float32), (HEAT_SIDE_PX, HEAT_SIDE_PX), interpolation=cv2.INTER_AREA)
    hot = cv2.GaussianBlur(small, (0, 0), 1.5)
    if hot.max() > 0:
        hot *= score / hot.max()
    return (np.maximum(calm, hot) * 255).astype(np.uint8).tobytes()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("line_file", type=Path)
    parser.add_argument("--rate", type=float, default=0)
    arguments = parser.parse_args()
    player = Player(arguments.line_file)
    selector = selectors.DefaultSelector()
    selector.register(sys.stdin, selectors.EVENT_READ)
    rng = np.random.default_rng(3)
    next_beat_s, next_part_s = 0.0, time.monotonic() + 1
    while True:
        now_s = time.monotonic()
        if now_s >= next_beat_s:
            player.beat()
            next_beat_s = now_s + 1 / HEALTH.rate_hz
        if arguments.rate and now_s >= next_part_s:
            player.random_part(rng)
            next_part_s = now_s + 1 / arguments.rate
        if selector.select(min(0.05, 0.2 / arguments.rate if arguments.rate else 0.05)):
            text = sys.stdin.readline()
            if not text:
                return
            print(player.obey(json.loads(text)), flush=True)


if __name__ == "__main__":
    main()
