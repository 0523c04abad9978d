"""record.py: the world's record is appended line by line and survives crashes and full disks."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from line_inspector.errors import InputError
from line_inspector.messages import Scene
from line_inspector.simulation.belt import Part
from line_inspector.simulation.gate import Passage, Why
from line_inspector.simulation.record import BinnedPart, WorldRecord, binned, read_world_record
from line_inspector.simulation.scenes import Subject


def binned_part(number: int = 1, accepted: bool = True, defective: bool | None = False) -> BinnedPart:
    subject = Subject(Scene(file="good/1.png", seed=number), defective, "dent" if defective else "")
    part = Part(f"top-1-{number:06d}", "top", subject, trigger_ns=100, gate_ns=200)
    why = Why.ACCEPTED if accepted else Why.NO_ACCEPT
    return binned(part, Passage(accepted, why, 150 if accepted else None))


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "world.jsonl"
    parts = [binned_part(1), binned_part(2, accepted=False, defective=True), binned_part(3, defective=None)]
    for part in parts:
        record = WorldRecord(path)
        record.append(part)
        record.close()
    assert list(read_world_record(path)) == parts
    assert [part.bin for part in parts] == ["accept", "reject", "accept"]
    assert (parts[1].defect, parts[1].file, parts[1].why) == ("dent", "good/1.png", Why.NO_ACCEPT)


def test_a_torn_line_costs_no_other_part(tmp_path: Path) -> None:
    path = tmp_path / "world.jsonl"
    record = WorldRecord(path)
    record.append(binned_part(1))
    record.close()
    path.write_bytes(path.read_bytes() + b'{"part_id": "top-1-0000')
    record = WorldRecord(path)
    record.append(binned_part(2))
    record.close()
    assert list(read_world_record(path)) == [binned_part(1), binned_part(2)]


def test_a_record_that_cannot_be_is_bad_input(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="cannot open"):
        WorldRecord(tmp_path / "file" / "world.jsonl")
    with pytest.raises(InputError, match="cannot read"):
        read_world_record(tmp_path / "none.jsonl")


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from line_inspector.errors import InputError
from test_world_record import binned_part
from line_inspector.simulation.record import WorldRecord
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
record = WorldRecord(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (300, resource.RLIM_INFINITY))
for number in range(1, 6):
    record.append(binned_part(number))
if sys.argv[2] == "freed":
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
try:
    record.close()
except InputError as e:
    print(e)
"""


@pytest.mark.parametrize(("end", "read"), [("freed", 5), ("full", 1)])
def test_a_full_disk_delays_the_record_and_is_named(tmp_path: Path, end: str, read: int) -> None:
    """A limit on the file's size makes the kernel refuse writes as a full disk does."""
    path = tmp_path / "world.jsonl"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(path), end], env=environment, capture_output=True, text=True, check=True
    )
    assert len(list(read_world_record(path))) == read
    assert ("could not be recorded" in done.stdout) == (end == "full")
