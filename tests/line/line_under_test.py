"""Runs a whole line of real processes, hurts it, and judges it by the world's own record and the ledger."""

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import yaml

from line_inspector.bus import Bus
from line_inspector.cameras.dataset import write_dataset
from line_inspector.cameras.renderer import render
from line_inspector.images import read_image
from line_inspector.line_file import read_line_file
from line_inspector.messages import Health
from line_inspector.records.reading import read_parts
from line_inspector.ring import fingerprint
from line_inspector.streams import HEALTH
from line_inspector.supervisor import Supervised, Supervisor
from line_inspector.training.registry import Registry

SIZE_PX = 128
LINE: dict[str, Any] = {
    "line": "test",
    "recipe": "disc",
    "data_dir": "d",
    "belt": {"speed_mm_s": 250},
    "cameras": {
        "top": {
            "source": {"kind": "simulated", "width_px": SIZE_PX, "height_px": SIZE_PX},
            "trigger": {"kind": "line"},
            "to_gate_mm": 250,
            "max_rate_hz": 10,
            "max_width_px": 256,
            "max_height_px": 256,
        }
    },
    "overlay": {"port": 0},
    "simulation": {"rate_hz": 8, "defective_share": 0.3},
}


class LineUnderTest:
    """One line in a folder of its own. `change` its file before `start`."""

    def __init__(self, folder: Path, model_dir: Path) -> None:
        self.path = folder / "line.yaml"
        self.document = json.loads(json.dumps(LINE))
        self.log_path = folder / "line.log"
        self.prefix: tuple[str, ...] = ()  # what puts the stations onto another host, as far as the network goes
        self.left_out: set[str] = set()  # processes that a test can do without, since each takes seconds to start
        self._model_dir = model_dir
        self._stop = threading.Event()
        self._tending: threading.Thread | None = None
        self.supervisor: Supervisor | None = None
        self.world: Supervised | None = None

    def start(self, *, with_model: bool = True) -> None:
        """Starts the stations and waits until they serve."""
        self.path.write_text(yaml.safe_dump(self.document))
        self.line = read_line_file(self.path)
        self.registry = Registry(self.line.registry_dir, self.line.recipe)
        if with_model:
            self.registry.publish(self._model_dir)
        self.supervisor = Supervisor(self.line, self.path, with_world=False, log_file=self.log_path)
        self.supervisor.processes = [item for item in self.supervisor.processes if item.name not in self.left_out]
        for item in self.supervisor.processes:
            item.command[:0] = self.prefix
        self._tending = threading.Thread(target=self._tend, daemon=True)
        self._tending.start()
        stations = {"decision", "inference", "overlay", *(f"capture.{name}" for name in self.line.cameras)}
        self.wait_for(*(stations - self.left_out))

    def _tend(self) -> None:
        while not self._stop.is_set():
            assert self.supervisor
            self.supervisor.tend()
            time.sleep(0.02)

    def stop(self) -> None:
        """Ends every process."""
        self._stop.set()
        if self._tending:
            self._tending.join()
        if self.supervisor:
            self.supervisor.stop([self.world] if self.world else [])

    def wait_for(self, *stations: str, timeout_s: float = 60) -> None:
        """Until each of the stations has sent a sign of life from now on."""
        awaited = set(stations)
        health = Bus(self.line.sockets_dir).subscriber(HEALTH, Health, stations)
        now_ns = time.monotonic_ns()
        end_s = time.monotonic() + timeout_s
        while awaited:
            awaited -= {seen.station for seen in health.drain() if seen.sent_ns > now_ns}
            assert time.monotonic() < end_s, f"{awaited} not alive; log:\n{self.log()}"
            time.sleep(0.02)
        health.close()

    def start_world(self, *options: str) -> None:
        """Puts parts on the belt."""
        assert self.supervisor
        self.world = self.supervisor.start_world(self.path, *options)

    def set_world(self, **settings: Any) -> None:
        """Changes the world's section for its next start; the stations keep what they have read."""
        self.document["simulation"].update(settings)
        self.path.write_text(yaml.safe_dump(self.document))

    def finish_world(self, timeout_s: float = 60) -> None:
        """Waits until the world has ended by itself: every part has fallen and every trigger is acknowledged."""
        assert self.world and self.world.process
        assert self.world.process.wait(timeout_s) == 0, self.log()

    def stop_world(self) -> None:
        """Takes no more parts, then as `finish_world`."""
        assert self.world and self.world.process
        self.world.process.terminate()
        self.finish_world()

    def pid(self, station: str) -> int:
        """The process that has the station's role now, by its own word."""
        health = Bus(self.line.sockets_dir).subscriber(HEALTH, Health, (station,))
        now_ns, end_s = time.monotonic_ns(), time.monotonic() + 10
        while time.monotonic() < end_s:
            for seen in health.drain():
                if seen.sent_ns > now_ns:
                    health.close()
                    return seen.pid
            time.sleep(0.01)
        raise AssertionError(f"{station} gives no sign of life; log:\n{self.log()}")

    def kill(self, station: str) -> int:
        """kill -9; the time at which it was sent, monotonic ns."""
        pid = self.pid(station)
        os.kill(pid, signal.SIGKILL)
        return time.monotonic_ns()

    @contextmanager
    def frozen(self, station: str) -> Iterator[None]:
        """The station's process is stopped meanwhile."""
        pid = self.pid(station)
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    def log(self) -> str:
        """What the stations have printed."""
        return self.log_path.read_text()[-6000:] if self.log_path.exists() else ""

    def fallen(self) -> list[dict[str, Any]]:
        """The world's own record: one row for each part that fell into a bin."""
        return [json.loads(row) for row in self.line.world_record_path.read_text().splitlines()]

    def ledger(self) -> dict[str, Any]:
        """Ledger rows by part id."""
        return {row.part_id: row for row in read_parts(self.line.ledger_url)}


def foreign_body_dataset(folder: Path) -> Path:
    """A data set whose defective parts carry a coloured block that no model should miss."""
    write_dataset(folder, good_train=1, good_test=120, per_defect=0, size_px=SIZE_PX, seed=3)
    (folder / "test" / "block").mkdir()
    for number, path in enumerate(sorted((folder / "test" / "good").iterdir())[:20]):
        picture = read_image(path)
        row, column = 30 + 2 * number, 70 - 2 * number
        picture[row : row + 26, column : column + 26] = (40, 30, 200)
        cv2.imwrite(str(folder / "test" / "block" / path.name), picture)
        path.unlink()
    return folder


def assert_nothing_slipped_through(line: LineUnderTest) -> None:
    """No uninspected part in the accept bin, and triggers = accepted + rejected in the ledger.

    `inspected` means: an accepted row with score, model and the checksum of the pixels that the part really has; the
    test renders each accepted part again to know them.
    """
    fallen, ledger = line.fallen(), line.ledger()
    assert fallen, line.log()
    assert len({row["part_id"] for row in fallen}) == len(fallen)
    assert {row["part_id"] for row in fallen} == set(ledger), line.log()
    for row in fallen:
        if row["bin"] == "accept":
            part = ledger[row["part_id"]]
            assert part.accepted and part.reason == "good" and part.score < part.threshold and part.model_version
            picture, _ = render(row["seed"], row["defect"], SIZE_PX, SIZE_PX)
            assert part.fingerprint == fingerprint(picture), f"{part.part_id} was accepted on another part's frame"
