"""Records to write, and a real disk small enough to fill."""

import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from line_inspector.part_record import PartRecord, Reason
from line_inspector.records.ledger import LedgerWriter
from line_inspector.records.ledger_row import ArchivedImage

MakeRecord = Callable[..., PartRecord]
MS = 1_000_000


@pytest.fixture(scope="session")
def make_record() -> MakeRecord:
    """A believable record of an accepted part; keywords change its fields."""

    def make(part_id: str, **changes: object) -> PartRecord:
        fields = {
            "part_id": part_id,
            "camera": "top",
            "trigger_wall_ns": 1_750_000_000_000_000_000,
            "trigger_ns": 1_000 * MS,
            "captured_ns": 1_004 * MS,
            "inference_start_ns": 1_010 * MS,
            "inference_end_ns": 1_050 * MS,
            "verdict_ns": 1_052 * MS,
            "decided_ns": 1_053 * MS,
            "deadline_ns": 1_900 * MS,
            "gate_ns": 2_000 * MS,
            "accepted": True,
            "reason": Reason.GOOD,
            "detail": "",
            "score": 0.25,
            "threshold": 0.5,
            "model_version": "v1",
            "fingerprint": 0xDEADBEEF,
        }
        return PartRecord(**{**fields, **changes})

    return make


@pytest.fixture(scope="session")
def make_image() -> Callable[..., ArchivedImage]:
    """An archived image of an accepted part; keywords change its fields."""

    def make(part_id: str, image_path: str, **changes: object) -> ArchivedImage:
        image = ArchivedImage(part_id, image_path, None, 1_750_000_000_000_000_000, accepted=True, size_bytes=7)
        return replace(image, **changes)

    return make


@dataclass
class SmallDisk:
    """A file system of half a megabyte."""

    folder: Path

    def fill(self) -> None:
        """Leaves no byte free."""
        with (self.folder / "ballast").open("ab", buffering=0) as ballast:
            try:
                while True:
                    ballast.write(bytes(4096))
            except OSError:
                return

    def free(self) -> None:
        """Gives back what `fill` took."""
        (self.folder / "ballast").unlink()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """Needs the right to mount."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk needs root")
    yield SmallDisk(folder)
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture(scope="session")
def eventually() -> Callable[[Callable[[], bool]], None]:
    """Waits until the condition holds; fails after 20 s."""

    def wait(condition: Callable[[], bool]) -> None:
        end = time.monotonic() + 20
        while not condition():
            assert time.monotonic() < end, "did not happen within 20 s"
            time.sleep(0.01)

    return wait


@pytest.fixture
def line_file(tmp_path):
    path = tmp_path / "line.yaml"
    path.write_text(
        "line: press\nrecipe: disc\ndata_dir: data\nbelt: {speed_mm_s: 250}\n"
        "cameras: {top: {source: {kind: simulated}, trigger: {kind: line}, to_gate_mm: 300}}\n"
    )
    return path


@pytest.fixture
def running_line(tmp_path, make_record, eventually):
    """A ledger with four parts, its writer still open, as while the line runs."""
    writer = LedgerWriter(f"sqlite:///{tmp_path / 'data' / 'ledger.sqlite'}")
    now_ns = time.time_ns()
    writer.submit(make_record("old", trigger_wall_ns=now_ns - 86_400 * 10**9))
    writer.submit(make_record("a", trigger_wall_ns=now_ns))
    for i, reason in enumerate((Reason.ANOMALY, Reason.CAMERA_DOWN)):
        writer.submit(make_record(f"r{i}", trigger_wall_ns=now_ns, accepted=False, reason=reason))
    eventually(lambda: writer.pending == 0)
    yield
    writer.close(10)
