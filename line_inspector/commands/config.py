"""`line-inspector config`: check a line file, and print the reference pages that docs/ holds."""

import math
from pathlib import Path
from typing import Annotated

import typer

from line_inspector.commands.config_alarms import alarms_page
from line_inspector.commands.config_plc import plc_page
from line_inspector.commands.config_startable import BYTES_PER_MB, require_startable, ring_bytes
from line_inspector.config import NS_PER_MS, NS_PER_S, Line, core_plan, cpu_quota
from line_inspector.config_reference import SectionReference, sections
from line_inspector.line_file import read_line_file
from line_inspector.ring import Geometry
from line_inspector.streams import STREAMS, Stream
from stations import STATIONS, StationKind

CONFIG_TITLE = """\
# The line file

One YAML file describes a line. `line-inspector config check LINE.yaml` validates it; every process validates it again
at its start. An unknown key is refused with the nearest known name and the line of the file. Relative paths are taken
from the folder of the line file. `config/line.yaml` is a working example with every key explained.

This page is printed by `line-inspector config docs`; `make docs` writes it, and a test keeps it equal to the types.

The smallest whole file, everything else at its default:

```yaml
line: example
recipe: disc
data_dir: ../run/example
belt: {speed_mm_s: 250}
cameras:
  top:
    source: {kind: simulated}
    trigger: {kind: line}
    to_gate_mm: 300
simulation: {}
```
"""

STREAMS_TITLE = """\
# Streams and stations

Every message between two processes travels on one of these streams, over a ZeroMQ socket in `<data_dir>/run`.
This page is printed by `line-inspector config streams`; `make docs` writes it, and a test keeps it equal to the tables
in `line_inspector/streams.py` and `stations/__init__.py`.

- DEALER/ROUTER: acknowledged. The sender keeps the message and repeats it until the receiver has made it safe.
- PUSH/PULL: queued, never blocks. A message that nobody can take is a named loss, and the part is rejected.
- DEALER/ROUTER, bounded: to a worker and back, over ipc, or over tcp with CURVE and the pixels as a further part
  (docs/remote.md). What a lost worker had in hand goes to another one; a frame that none can answer in time is a named
  loss.
- PUB/SUB: the latest value, for watching. Losing one harms nobody.

A stream with a rate is dead after ten missed periods. Streams without a rate carry one message for each part; work and
answers carry both, their signs of life and one message for each part. A line without `inference.workers` has neither.
"""


def register(app: typer.Typer) -> None:
    """Adds `config check`, `config docs`, `config streams`, `config plc` and `config alarms`."""
    group = typer.Typer(
        help="Check a line file; print the reference of keys, streams, PLC and alarms.", no_args_is_help=True
    )
    group.command("check")(check)
    group.command("docs")(docs)
    group.command("streams")(streams)
    group.command("plc")(plc)
    group.command("alarms")(alarms)
    app.add_typer(group, name="config")


def check(line_file: Annotated[Path, typer.Argument(metavar="LINE.yaml", help="The line file to check.")]) -> None:
    """Validate a line file, and print what follows from it: times, and the memory of each camera's frame ring."""
    line = read_line_file(line_file)
    rings = require_startable(line)
    print(f"ok: line {line.line}, recipe {line.recipe}, data in {line.data_dir}")
    for name, ring in rings.items():
        print(f"camera {name}: {_derived(line, name, ring)}")
    if line.belt.encoder:
        print(f"encoder: {_counted(line)}")
    print(f"inference: {_cores(line)}")


def docs() -> None:
    """Print the reference of the line file, as Markdown."""
    print(config_page(), end="")


def streams() -> None:
    """Print the tables of streams and stations, as Markdown."""
    print(streams_page(), end="")


def plc() -> None:
    """Print how to wire and program a real gate, as Markdown."""
    print(plc_page(), end="")


def alarms() -> None:
    """Print the table of alarms, as Markdown."""
    print(alarms_page(), end="")


def config_page() -> str:
    """docs/config.md."""
    return "\n".join([CONFIG_TITLE, *(line for section in sections() for line in _section(section))])


def streams_page() -> str:
    """docs/streams.md."""
    return "\n".join([STREAMS_TITLE, *_stream_table(), "", *_station_table(), ""])


def _derived(line: Line, camera: str, ring: Geometry) -> str:
    travel_ms, deadline_ms = line.travel_ns(camera) / NS_PER_MS, line.deadline_ns(camera) / NS_PER_MS
    return (
        f"at the gate {travel_ms:.0f} ms after the trigger, decided within {deadline_ms:.0f} ms;"
        f" frame ring of {ring.slots} slots, {ring_bytes(ring) / BYTES_PER_MB:.0f} MB in /dev/shm"
    )


def _counted(line: Line) -> str:
    where = f"read from {line.counter.where}" if line.counter else "counted by the simulated world"
    return f"{1 / line.belt.ns_per_count * NS_PER_S:.0f} counts per second at speed_mm_s, {where}"


def _cores(line: Line) -> str:
    plan = core_plan(line)
    network, others = (", ".join(map(str, cores)) for cores in (plan.inference, plan.others))
    kept = f"pinned: inference to core {network}, the other stations to core {others}"
    threads = "1 CPU thread" if plan.threads == 1 else f"{plan.threads} CPU threads"
    quota = cpu_quota()
    paid = f", where a quota pays for {quota:.3g} cores" if math.isfinite(quota) else ""
    return f"{threads} of the network{paid}; {kept if line.inference.pin else 'no station is pinned'}"


def _section(section: SectionReference) -> list[str]:
    rows = [
        f"| `{key.name}` | {key.kind} | {key.unit} | {key.bounds} | {key.default or '(required)'} | {key.meaning} |"
        for key in section.keys
    ]
    head = ["| key | type | unit | bounds | default | meaning |", "| --- | --- | --- | --- | --- | --- |"]
    return [f"## {section.title}", "", section.meaning, "", *head, *rows, ""]


def _stream_table() -> list[str]:
    head = [
        "| stream | message | from | to | sockets | one per | rate |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    return ["## Streams", "", *head, *(_stream_row(stream) for stream in STREAMS)]


def _stream_row(stream: Stream) -> str:
    rate = f"{stream.rate_hz:g} Hz" if stream.rate_hz else "once per part"
    cells = [stream.name, stream.message.__name__, stream.source, stream.sink, stream.pattern.value, stream.per.value]
    return f"| {' | '.join([*cells, rate])} |"


def _station_table() -> list[str]:
    head = [
        "| station | reads | writes | systemd unit | one per | budget per part |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    return ["## Stations", "", *head, *(_station_row(station) for station in STATIONS)]


def _station_row(station: StationKind) -> str:
    reads, writes = (", ".join(s.name for s in streams) or "-" for streams in (station.reads, station.writes))
    one_per = "line whose encoder has a source" if station.per == "counter" else station.per
    budget = f"{station.latency_budget_ms:g} ms" if station.latency_budget_ms else "none: it only watches"
    return f"| {station.name} | {reads} | {writes} | {station.unit} | {one_per} | {budget} |"
