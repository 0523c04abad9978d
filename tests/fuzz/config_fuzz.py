"""Damaged line files: one clear line, or a line whose every part is decided before its gate.

Half of them are damaged as text, as an editor or a disk does it; the other half as a tree of keys and values, so that
more of them get past YAML and into the bounds.
"""

import copy
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from line_inspector.commands.config_startable import require_startable
from line_inspector.config import NS_PER_MS, Line
from line_inspector.errors import InputError
from line_inspector.line_file import parse_line, read_line_file

TOP = {"source": {"kind": "simulated", "width_px": 256}, "trigger": {"kind": "line"}, "to_gate_mm": 300}
LINE: dict[str, Any] = {
    "line": "example",
    "recipe": "disc",
    "data_dir": "data",
    "belt": {"speed_mm_s": 250},
    "cameras": {"top": TOP},
    "decision": {"margin_ms": 40, "gate": {"kind": "simulated", "window_ms": 80, "heartbeat_timeout_ms": 250}},
    "simulation": {"rate_hz": 4, "jitter": 0.2},
}
SOURCES: tuple[dict[str, Any], ...] = (
    {"kind": "folder", "path": "parts", "cable": "cable"},
    {"kind": "video", "path": "parts.mp4", "loop": True},
    {"kind": "genicam", "producer": "producer.cti", "serial": "22334455", "fetch_timeout_ms": 200},
)
GATES: tuple[dict[str, Any], ...] = (
    {"kind": "modbus", "host": "127.0.0.1", "port": 5020, "window_ms": 50, "cycle_ms": 10, "timeout_ms": 200},
    {"kind": "opcua", "endpoint": "opc.tcp://127.0.0.1:4840/", "window_ms": 50, "heartbeat_hz": 20},
    {"kind": "gpio", "chip": "/dev/gpiochip0", "accept_lines": {"top": 17}, "heartbeat_line": 27, "active_low": True},
)
COUNTERS: tuple[dict[str, Any], ...] = (
    {"kind": "modbus", "host": "127.0.0.1", "port": 5021, "address": 100, "table": "input", "bits": 32, "cycle_ms": 10},
    {"kind": "opcua", "endpoint": "opc.tcp://127.0.0.1:4841/", "node_id": "ns=3;s=Belt.count", "falling": True},
)
SECTIONS: dict[str, Any] = {
    "inference": {"engine": "auto", "device": "auto", "threads": 1, "pin": True, "max_batch": 8},
    "records": {
        "ledger": "ledger.sqlite",
        "shifts": {"early": "06:00-14:00"},
        "keep_frames_s": 2.0,
        "accept_sample": 0.1,
    },
    "overlay": {"host": "127.0.0.1", "port": 8080, "refresh_hz": 8},
    "training": {"at": "02:30", "minutes": 30, "min_frames": 40, "max_frames": 2000},
}
NASTY: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 1e-300, 1e300, 2**31, 2**63, 2**64, 10**400, -0.0, float("nan"), float("inf"),
    float("-inf"), "", " ", "0", "1e9999", "nan", "~", "~nobody/x", "a\0b", "\ud800", "é", "../../x", "/", "x" * 5000,
    "-", "06:00-06:00", "25:00", "{name}", "postgresql+psycopg://u@h:99999999/x", "sqlite:///", "simulated", "modbus",
    "opcua", "gpio", "line", "rate", "folder", [], [1], {}, {"kind": "simulated"}, {"top": 1}, {"": {}}, (),
)  # fmt: skip
TEXTS = (
    b"&a ", b"*a", b"<<: ", b"!!int ", b"!!python/object:os.system ", b"- ", b"? ", b"null", b"[{", b"}", b"'", b'"',
    b"#", b"\t", b"\n", b"\r", b"\x00", b"\xff", b"\xc3\x28", b".nan", b".inf", b"-1", b"1e999", b"1_000",
    b"0o17", b"1:30", b"2024-99-99", b"9" * 5000, b"---\n", b"...\n", b"%YAML 9.9\n", b"\xef\xbb\xbf", b"\xe2\x80\xa8",
    b"|\n", b">\n", b"yes",
)  # fmt: skip


@dataclass
class Tally:
    """What became of the damaged line files."""

    damaged: int = 0
    refused: int = 0
    valid: int = 0
    startable: int = 0


def fuzz_configs(count: int, seed: int, folder: Path) -> Tally:
    """Raises AssertionError for a complaint that is not one line, and whatever reading a file should not."""
    rng, tally, bases = random.Random(seed), Tally(), list(_bases())
    texts = [_as_text(base).encode() for base in bases]
    for number in range(count):
        tally.damaged += 1
        try:
            if number % 2:
                line = _read(damaged_text(rng.choice(texts), rng), folder / "line.yaml")
            else:
                line = parse_line(damaged_tree(rng.choice(bases), rng), folder / "line.yaml")
            tally.valid += 1
            _require_time_to_decide(line)
            require_startable(line)
            tally.startable += 1
        except InputError as e:
            assert len(str(e).splitlines()) == 1
            tally.refused += 1
    return tally


def damaged_text(text: bytes, rng: random.Random) -> bytes:
    """The file with one to four pieces of damage."""
    data = bytearray(text)
    for _ in range(rng.choice((1, 1, 2, 4))):
        at = rng.randrange(len(data) + 1)
        match rng.randrange(5):
            case 0:
                data[at : at + 1] = rng.choice(b"\n :[]{}'\"#&*!|>-,0?@~\t").to_bytes(1, "big")
            case 1:
                del data[at : at + rng.randint(1, 12)]
            case 2:
                data[at:at] = rng.choice(TEXTS)
            case 3:
                begin = rng.randrange(len(data) + 1)
                data[at:at] = data[begin : begin + rng.randint(1, 30)]
            case 4 if at < len(data):
                data[at] ^= 1 << rng.randrange(8)
    return bytes(data)


def damaged_tree(base: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    """The keys and values with one to three of them changed, missing, misspelt or in the wrong place."""
    data = copy.deepcopy(base)
    for _ in range(rng.choice((1, 1, 2, 3))):
        places = list(_places(data))
        if not places:
            return data
        holder, key = rng.choice(places)
        match rng.randrange(6):
            case 0:
                holder[key] = rng.choice(NASTY)
            case 1 | 2 if isinstance(holder[key], (int, float)):
                holder[key] = min(holder[key], 2**64) * rng.choice((-1, 0.001, 0.1, 0.5, 2, 10, 1000, 1e9, 1e308))
            case 3:
                del holder[key]
            case 4:
                holder[rng.choice((1, None, "", f"{key}s", str(key)[1:], "kind"))] = holder.pop(key)
            case 5:
                other, other_key = rng.choice(places)
                holder[key] = copy.deepcopy(other.get(other_key))
    return data


def _bases() -> Iterator[dict[str, Any]]:
    for changes in ({}, SECTIONS, {"simulation": None}):
        yield copy.deepcopy(LINE | changes)
    for source in SOURCES:
        yield copy.deepcopy(LINE | {"cameras": {"top": TOP | {"source": source}, "side": TOP | {"max_rate_hz": 8}}})
    for gate in GATES:
        yield copy.deepcopy(LINE | {"decision": {"gate": gate}})
    for counter in COUNTERS:
        encoder = {"mm_per_count": 0.05, "source": counter}
        yield copy.deepcopy(LINE | {"belt": {"speed_mm_s": 250, "encoder": encoder}, "simulation": None})


def _places(data: Any) -> Iterator[tuple[dict[Any, Any], Any]]:
    if isinstance(data, dict):
        for key, value in data.items():
            yield data, key
            yield from _places(value)


def _as_text(base: Any, indent: str = "") -> str:
    if not isinstance(base, dict):
        return f" {json.dumps(base)}\n"
    lines = [f"{indent}{key}:{_as_text(value, indent + '  ')}" for key, value in base.items()]
    return ("\n" if indent else "") + "".join(lines)


def _read(text: bytes, path: Path) -> Line:
    path.write_bytes(text)
    return read_line_file(path)


def _require_time_to_decide(line: Line) -> None:
    """A deadline beyond the gate, or none, would let decisions come too late."""
    for name in line.cameras:
        reserve_ns = (line.decision.margin_ms + line.decision.gate.window_ms / 2) * NS_PER_MS
        assert 0 < line.deadline_ns(name) <= line.travel_ns(name) - reserve_ns + 2
        assert line.cameras[name].trigger_expiry_ns >= 0
    assert line.decision.gate.heartbeat_timeout_ms >= 120
    assert line.settings and line.ledger_url and line.ring_owner
