"""Whether a line can start on this machine, before anything of it is started."""

import os

from line_inspector.actuators import require_gate
from line_inspector.cameras.renderer import check_product
from line_inspector.commands.config_pictures import require_pictures_fit
from line_inspector.config import NS_PER_MS, CameraSource, FolderCamera, Line, SimulatedCamera, VideoCamera
from line_inspector.encoders import require_counter
from line_inspector.errors import InputError
from line_inspector.images import list_images, read_image
from line_inspector.known_defects import known_defects
from line_inspector.ring import PREFIX, SHM, Geometry
from line_inspector.streams import STREAMS, Per
from line_inspector.tracking.announcer import LATEST_TRIGGER_NS, TOLD_BEFORE_NS
from line_inspector.workers.keys import require_line_keys
from stations import STATIONS

BLOCK_BYTES = 512  # the unit of st_blocks
BYTES_PER_MB = 1_000_000


def require_startable(line: Line) -> dict[str, Geometry]:
    """The ring of each camera.

    Raises InputError where a camera's files, its known defects, or what gate and counter need are not there, its
    pictures do not fit it, nobody tells the encoder's count, the driver of the ledger's database is not installed, a
    ring or a socket's path is too large for this machine, or a part must be decided before its gap can be known.
    """
    from line_inspector.records.database import store_of

    require_gate(line.decision.gate)
    _require_counted(line)
    for name, worker in line.inference.workers.items():
        if worker.keys and not worker.is_local:
            require_line_keys(worker.keys, [name])
    store_of(line.ledger_url)
    for name, camera in line.cameras.items():
        _require_source(line, name, camera.source)
        _require_known_defects(line, name)
        _require_time_for_gaps(line, name)
    require_pictures_fit(line)
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


def _require_counted(line: Line) -> None:
    """A belt whose count nobody tells has parts that nobody can place: every one would be rejected."""
    if line.counter:
        require_counter(line.counter)
    elif line.belt.encoder and not line.simulation:
        what = "has no source, and no simulated world counts: every part would be rejected (belt_unknown)"
        remedy = "Set belt.encoder.source (docs/tracking.md), or take the encoder out if the belt's speed is steady"
        raise InputError(what, "belt.encoder", remedy)


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
        Per.STATION: tuple(name for station in STATIONS for name in station.names(line)),
        Per.WORKER: tuple(line.inference.workers),
    }
    for stream in STREAMS:
        for instance in instances[stream.per]:
            stream.endpoint(line.sockets_dir, instance)


def _rings(line: Line) -> dict[str, Geometry]:
    from stations.capture import ring_geometry  # brings OpenCV along

    return {camera: ring_geometry(line, camera) for camera in line.cameras}


def _require_shared_memory(line: Line, rings: dict[str, Geometry]) -> None:
    """The rings must fit into what is free; what this line occupies, running or dead, it gives back at its start."""
    needed = sum(ring_bytes(ring) for ring in rings.values())
    disk = os.statvfs(SHM)
    own = sum(path.stat().st_blocks * BLOCK_BYTES for path in SHM.glob(f"{PREFIX}.{line.ring_owner}.*"))
    available = disk.f_bavail * disk.f_frsize + own
    if needed > available:
        raise InputError(
            f"the frame rings need {needed / BYTES_PER_MB:.0f} MB, {available / BYTES_PER_MB:.0f} MB are free",
            str(SHM),
            "Enlarge it, or lower max_width_px, max_height_px, max_rate_hz, to_gate_mm or records.keep_frames_s",
        )


def ring_bytes(ring: Geometry) -> int:
    """What a frame ring takes of the shared memory."""
    return ring.slots * ring.stride_bytes
