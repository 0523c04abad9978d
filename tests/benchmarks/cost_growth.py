"""What a part costs the processor as cameras are added: the same parts per second, from 1, 2, 4 and 8 cameras.

    python tests/benchmarks/cost_growth.py [--parts 2400] [--rate 40] [--turns 2]

The line of soak.py, whose model takes microseconds, so that what is counted is capture, ring, bus, decision and ledger,
the processes of cameras that wait for their turn included. CPU time, so that other programs disturb it little; turns
alternate. Prints CPU milliseconds a part and their growth over one camera's; the bar is 20 % for 8 cameras.
"""

import argparse
import os
import tempfile
from pathlib import Path
from statistics import fmean

from soak import CAMERA_RATE_HZ, Soak, write_line

CAMERAS = (1, 2, 4, 8)
WARM_UP = 400


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", type=int, default=2400, help="for each number of cameras and turn")
    parser.add_argument("--rate", type=float, default=40, help="parts per second of all cameras together")
    parser.add_argument("--turns", type=int, default=2)
    arguments = parser.parse_args()
    if arguments.rate > CAMERA_RATE_HZ:
        parser.error(f"--rate: one camera does at most {CAMERA_RATE_HZ}")
    found: dict[int, list[dict[str, float]]] = {count: [] for count in CAMERAS}
    for turn in range(arguments.turns):
        for count in CAMERAS if turn % 2 == 0 else CAMERAS[::-1]:
            found[count].append(spent_ms(count, arguments.parts, arguments.rate))
    first = _total(found[1])
    print("| cameras | CPU ms a part | of it capture | decision | inference | over one camera |\n|" + " --- |" * 6)
    for count, turns in found.items():
        stations = (_mean(turns, name) for name in ("capture", "decision", "inference"))
        cells = (f"{count}", f"{_total(turns):.2f}", *(f"{ms:.2f}" for ms in stations))
        print(f"| {' | '.join(cells)} | {_total(turns) / first - 1:+.1%} |")


def spent_ms(cameras: int, parts: int, rate_hz: float) -> dict[str, float]:
    """CPU milliseconds a part, by kind of station."""
    with tempfile.TemporaryDirectory(prefix="line-inspector-cost-") as folder, Path(os.devnull).open("wb") as nowhere:
        soak = Soak(write_line(Path(folder), cameras), WARM_UP, parts, rate_hz, False, nowhere)
        try:
            soak.run()
        finally:
            soak.end()
    of_kind: dict[str, float] = {}
    for name, ms in soak.spent_ms().items():
        kind = name.partition(".")[0]
        of_kind[kind] = of_kind.get(kind, 0.0) + ms
    return of_kind


def _mean(turns: list[dict[str, float]], kind: str) -> float:
    return fmean(turn[kind] for turn in turns)


def _total(turns: list[dict[str, float]]) -> float:
    return fmean(sum(turn.values()) for turn in turns)


if __name__ == "__main__":
    main()
