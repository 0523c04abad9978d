"""A whole line whose gate is a PLC behind a real Modbus or OPC UA server: what passes, and what a fault does to it."""

import socket
import time
from pathlib import Path

import pytest
import yaml
from cable import Cable
from line_under_test import LineUnderTest, foreign_body_dataset

from line_inspector.images import read_image
from line_inspector.part_record import PartRecord
from line_inspector.ring import fingerprint
from line_inspector.simulation.record import BinnedPart, read_world_record
from line_inspector.simulation.summary import summary

S = 1_000_000_000
TIMEOUT_NS = S // 4


def gate_section(kind: str, port: int) -> dict[str, object]:
    where = {"modbus": {"host": "127.0.0.1", "port": port}, "opcua": {"endpoint": f"opc.tcp://127.0.0.1:{port}/"}}
    return {"kind": kind, "window_ms": 100, "heartbeat_timeout_ms": TIMEOUT_NS / 1_000_000, **where[kind]}


class PlcLine:
    """A line whose decision station reaches the world's PLC over a cable; only the world is told the PLC's own port."""

    def __init__(self, line: LineUnderTest, kind: str) -> None:
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self._port = s.getsockname()[1]
        self.line, self._kind = line, kind
        self.cable = Cable(self._port)
        line.document["decision"] = {"gate": gate_section(kind, self.cable.port)}

    def start(self, parts: Path) -> None:
        line = self.line
        line.document["cameras"]["top"]["source"] = {"kind": "folder"}
        line.set_world(images=str(parts))
        line.start()
        world_file = line.path.with_name("world.yaml")
        at_the_world = {"decision": {"gate": gate_section(self._kind, self._port)}}
        world_file.write_text(yaml.safe_dump(line.document | at_the_world))
        assert line.supervisor
        line.world = line.supervisor.start_world(world_file)

    def wait_for_a_part_to_pass(self, since_ns: int) -> int:
        """When the first part after `since_ns` fell into the accept bin."""
        end_s = time.monotonic() + 40
        while time.monotonic() < end_s:
            time.sleep(0.1)
            if self.line.line.world_record_path.exists():
                passed = [
                    part.gate_ns for part in read_world_record(self.line.line.world_record_path) if part.bin == "accept"
                ]
                if passed and passed[-1] > since_ns:
                    return min(gate_ns for gate_ns in passed if gate_ns > since_ns)
        raise AssertionError(f"no part passes; log:\n{self.line.log()}")

    def passed(self) -> list[tuple[BinnedPart, PartRecord]]:
        """Parts in the accept bin, with their rows in the ledger."""
        ledger = self.line.ledger()
        fallen = read_world_record(self.line.line.world_record_path)
        return [(part, ledger[part.part_id]) for part in fallen if part.bin == "accept"]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["modbus", "opcua"])
def test_a_line_behind_a_plc(line_under_test: LineUnderTest, tmp_path: Path, kind: str) -> None:
    line, plc = line_under_test, PlcLine(line_under_test, kind)
    plc.start(foreign_body_dataset(tmp_path / "parts"))
    first_ns = plc.wait_for_a_part_to_pass(0)
    time.sleep(8)
    killed_ns = line.kill("decision")
    plc.wait_for_a_part_to_pass(killed_ns + S)
    time.sleep(1)
    pulled_ns = time.monotonic_ns()
    plc.cable.pull()
    time.sleep(3)
    plugged_ns = time.monotonic_ns()
    plc.cable.plug_in()
    plc.wait_for_a_part_to_pass(plugged_ns)
    line.stop_world()
    plc.cable.close()

    parts, rows = list(read_world_record(line.line.world_record_path)), line.ledger()
    told = summary(parts, rows.values())
    assert (told.uninspected_accepted, told.ledger_gaps) == (0, 0), line.log()
    passed = plc.passed()
    for part, row in passed:
        assert row.accepted and row.fingerprint == fingerprint(read_image(Path(part.file)))

    revived_ns = min(row.decided_ns for row in rows.values() if row.decided_ns > killed_ns + S // 10)
    for part, row in passed:
        assert not killed_ns + TIMEOUT_NS <= part.gate_ns < revived_ns, "passed without a living decision"
        assert row.decided_ns > killed_ns or part.gate_ns < killed_ns + TIMEOUT_NS, "an accept outlived its decision"
        assert not pulled_ns + TIMEOUT_NS <= part.gate_ns < plugged_ns, "passed without a connection"
        assert not pulled_ns + TIMEOUT_NS <= row.decided_ns < plugged_ns, "a stale accept came after the reconnect"
    meanwhile = [row for row in rows.values() if pulled_ns + 2 * TIMEOUT_NS <= row.decided_ns < plugged_ns]
    cut_off = [row for row in meanwhile if row.score is not None]
    assert cut_off and all(row.reason in ("gate_down", "anomaly") for row in cut_off)

    calm = [part for part in parts if first_ns <= part.gate_ns < killed_ns]
    good, bad = ([part.bin == "accept" for part in calm if part.defective is one] for one in (False, True))
    assert sum(good) > 0.7 * len(good) > 10, f"{sum(good)} of {len(good)} good parts passed; log:\n{line.log()}"
    assert sum(bad) < 0.3 * len(bad), f"{sum(bad)} of {len(bad)} defective parts passed"
