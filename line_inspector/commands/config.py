"""`line-inspector config`: check a line file, and print the reference pages that docs/ holds."""

import os
from pathlib import Path
from typing import Annotated

import typer

from line_inspector.actuators import require_gate
from line_inspector.cameras.renderer import check_product
from line_inspector.commands.config_alarms import alarms_page
from line_inspector.commands.config_plc import plc_page
from line_inspector.config import NS_PER_MS, CameraSource, FolderCamera, Line, SimulatedCamera, VideoCamera
from line_inspector.config_reference import SectionReference, sections
from line_inspector.errors import InputError
from line_inspector.images import list_images, read_image
from line_inspector.known_defects import known_defects
from line_inspector.line_file import read_line_file
from line_inspector.ring import PREFIX, SHM, Geometry
from line_inspector.streams import STREAMS, Per, Stream
from line_inspector.tracking.announcer import LATEST_TRIGGER_NS, TOLD_BEFORE_NS
from line_inspector.workers.keys import require_line_keys
from stations import STATIONS, StationKind

BLOCK_BYTES = 512  # the unit of st_blocks
BYTES_PER_MB = 1_000_000

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


def require_startable(line: Line) -> dict[str, Geometry]:
    """The ring of each camera.

    Raises InputError where a camera's files, its known defects, or what the gate needs are not there, the driver of the
    ledger's database is not installed, a ring or a socket's path is too large for this machine, or a part must be
    decided before its gap can be known.
    """
    from line_inspector.records.database import store_of

    require_gate(line.decision.gate)
    for name, worker in line.inference.workers.items():
        if worker.keys and not worker.is_local:
            require_line_keys(worker.keys, [name])
    store_of(line.ledger_url)
    for name, camera in line.cameras.items():
        _require_source(line, name, camera.source)
        _require_known_defects(line, name)
        _require_time_for_gaps(line, name)
    rings = _rings(line)
    _require_short_sockets(line)
    _require_shared_memory(line, rings)
    return rings


def _require_source(line: Line, name: str, source: CameraSource) -> None:
    where = f"camera {name}"
    if isinstance(source, SimulatedCamera):
        check_product(source.product)
    elif isinstance(source, FolderCamera):
        if source.path is not None:
            list_images(source.path)
        elif not (line.simulation and line.simulation.images):
            raise InputError("its folder has no path", where, "Set source.path, or simulation.images")
    else:
        file = source.path if isinstance(source, VideoCamera) else source.producer
        if not os.access(file, os.R_OK):
            raise InputError(f"{file} is missing or cannot be read", where, "Check the path and its permissions")


def _require_known_defects(line: Line, name: str) -> None:
    folder, camera = line.known_defects_dir(name), line.cameras[name]
    for path in known_defects(folder) if folder else []:
        picture = read_image(path)
        if picture.shape[0] > camera.max_height_px or picture.shape[1] > camera.max_width_px:
            size = f"{picture.shape[1]} x {picture.shape[0]}"
            remedy = f"Take pictures of this camera, or raise max_width_px and max_height_px of camera {name}"
            raise InputError(f"is a known defect of {size} px, larger than the camera's frames", str(path), remedy)


def _require_time_for_gaps(line: Line, name: str) -> None:
    """A part whose gap to the next one is not known in time is rejected: here, that would be every one."""
    deadline_ms = line.deadline_ns(name) / NS_PER_MS
    least_ms = line.decision.gate.least_window_ms + (LATEST_TRIGGER_NS + TOLD_BEFORE_NS) / NS_PER_MS
    if deadline_ms <= least_ms:
        what = (
            f"its parts must be decided {deadline_ms:.0f} ms after their trigger, and that no other part follows too"
            f" closely is known after {least_ms:.0f} ms: every part would be rejected (gap_unknown)"
        )
        raise InputError(what, f"camera {name}", "Raise to_gate_mm, or lower decision.margin_ms or window_ms")


def _require_short_sockets(line: Line) -> None:
    instances = {
        Per.LINE: ("",),
        Per.CAMERA: tuple(line.cameras),
        Per.STATION: _processes(line),
        Per.WORKER: tuple(line.inference.workers),
    }
    for stream in STREAMS:
        for instance in instances[stream.per]:
            stream.endpoint(line.sockets_dir, instance)


def _processes(line: Line) -> tuple[str, ...]:
    return tuple(name for station in STATIONS for name in _names(station, line))


def _names(station: StationKind, line: Line) -> list[str]:
    if station.per_camera:
        return [f"{station.name}.{camera}" for camera in line.cameras]
    if station.per_worker:
        return [f"{station.name}.{worker}" for worker in line.inference.workers]
    return [station.name]


def _rings(line: Line) -> dict[str, Geometry]:
    from stations.capture import ring_geometry  # brings OpenCV along

    return {camera: ring_geometry(line, camera) for camera in line.cameras}


def _require_shared_memory(line: Line, rings: dict[str, Geometry]) -> None:
    """The rings must fit into what is free; what this line occupies, running or dead, it gives back at its start."""
    needed = sum(_ring_bytes(ring) for ring in rings.values())
    disk = os.statvfs(SHM)
    own = sum(path.stat().st_blocks * BLOCK_BYTES for path in SHM.glob(f"{PREFIX}.{line.ring_owner}.*"))
    available = disk.f_bavail * disk.f_frsize + own
    if needed > available:
        raise InputError(
            f"the frame rings need {needed / BYTES_PER_MB:.0f} MB, {available / BYTES_PER_MB:.0f} MB are free",
            str(SHM),
            "Enlarge it, or lower max_width_px, max_height_px, max_rate_hz, to_gate_mm or records.keep_frames_s",
        )


def _ring_bytes(ring: Geometry) -> int:
    return ring.slots * ring.stride_bytes


def _derived(line: Line, camera: str, ring: Geometry) -> str:
    travel_ms, deadline_ms = line.travel_ns(camera) / NS_PER_MS, line.deadline_ns(camera) / NS_PER_MS
    return (
        f"at the gate {travel_ms:.0f} ms after the trigger, decided within {deadline_ms:.0f} ms;"
        f" frame ring of {ring.slots} slots, {_ring_bytes(ring) / BYTES_PER_MB:.0f} MB in /dev/shm"
    )


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
    one_per = "camera" if station.per_camera else "worker" if station.per_worker else "line"
    budget = f"{station.latency_budget_ms:g} ms" if station.latency_budget_ms else "none: it only watches"
    return f"| {station.name} | {reads} | {writes} | {station.unit} | {one_per} | {budget} |"
