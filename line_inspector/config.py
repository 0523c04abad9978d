"""The line file: every key with its unit, bounds and default. Read and validated once, at start.

Unknown keys are refused with the nearest known name and the YAML line. Relative paths are taken from the folder of the
line file. Each station is given its own section, never the whole file.
"""

import zlib
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import quote

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from line_inspector.errors import InputError

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_-]{0,31}$")]
NS_PER_S = 1_000_000_000
NS_PER_MS = 1_000_000
MS_PER_S = 1000
LONGEST_TRAVEL_S = 3600
SLOWEST_HZ = 0.001


def _expand(path: Path) -> Path:
    if "\0" in str(path):
        raise ValueError("a path holds no NUL character")
    try:
        return path.expanduser()
    except RuntimeError as e:
        raise ValueError(f"{e}") from e


FilePath = Annotated[Path, AfterValidator(_expand)]


def _ledger(place: str) -> str:
    if not place or "\0" in place:
        raise ValueError("name a file")
    if "://" in place and not place.startswith("sqlite:////"):
        raise ValueError("the ledger must be an SQLite file so far: a file name, or sqlite:////folder/ledger.sqlite")
    return place


LedgerPlace = Annotated[str, AfterValidator(_ledger)]


class Section(BaseModel):
    """Base of all sections: frozen, and a misspelt key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())


class FolderCamera(Section):
    """Images of a folder instead of a camera."""

    kind: Literal["folder"]
    path: FilePath | None = Field(None, description="folder of images; may be left out when the world names the files")


class VideoCamera(Section):
    """A video file, one frame per part, decoded by OpenCV."""

    kind: Literal["video"]
    path: FilePath = Field(description="video file")
    loop: bool = Field(True, description="start again at the end; otherwise the camera reports no_frame from then on")


class GenicamCamera(Section):
    """A GigE Vision or USB3 Vision camera through its vendor's GenTL producer. Needs the extra `genicam`."""

    kind: Literal["genicam"]
    producer: FilePath = Field(description="the GenTL producer, a .cti file of the camera's vendor")
    serial: str | None = Field(None, description="serial number of the camera; the first one found when left out")
    pixel_format: str | None = Field(None, description="GenICam PixelFormat, such as Mono8; as it is when left out")
    exposure_us: float | None = Field(None, gt=0, le=10_000_000, description="exposure time; as it is when left out")
    software_trigger: bool = Field(True, description="fire the camera's software trigger for each part")
    fetch_timeout_ms: int = Field(200, ge=1, le=60_000, description="longest wait for a frame after the trigger")


class SimulatedCamera(Section):
    """Renders a product: varied pose, light and texture, and defects whose masks are known."""

    kind: Literal["simulated"]
    product: Name = Field("disc", description="what to render")
    width_px: int = Field(256, ge=64, le=4096, description="width of the frame")
    height_px: int = Field(256, ge=64, le=4096, description="height of the frame")


CameraSource = Annotated[FolderCamera | VideoCamera | GenicamCamera | SimulatedCamera, Field(discriminator="kind")]


class RateTrigger(Section):
    """The capture station makes one part at every tick."""

    kind: Literal["rate"]
    rate_hz: float = Field(ge=SLOWEST_HZ, le=1000, description="parts per second")


class LineTrigger(Section):
    """Parts come from the line: here the simulated conveyor, which keeps each trigger until it is acknowledged."""

    kind: Literal["line"]


TriggerSource = Annotated[RateTrigger | LineTrigger, Field(discriminator="kind")]


class CameraSettings(Section):
    """One camera of the line, served by one capture process."""

    source: CameraSource = Field(description="where frames come from")
    trigger: TriggerSource = Field(description="what makes a part")
    to_gate_mm: float = Field(gt=0, le=100_000, description="belt distance from camera to reject gate")
    max_rate_hz: float = Field(
        20, ge=SLOWEST_HZ, le=1000, description="highest part rate; sizes the frame ring, bounds trigger_expiry_ms"
    )
    max_width_px: int = Field(1024, ge=16, le=16_384, description="widest frame; sizes the frame ring")
    max_height_px: int = Field(1024, ge=16, le=16_384, description="highest frame; sizes the frame ring")
    channels: Literal[1, 3] = Field(3, description="most channels a frame may have; sizes the frame ring")
    exact_size: bool = Field(False, description="reject a part (bad_frame) whose frame is not exactly the largest size")
    trigger_expiry_ms: float | None = Field(
        None,
        gt=0,
        description="a trigger older than this has no part before the lens: late_trigger; at most, and when left out,"
        " half the spacing of parts at max_rate_hz",
    )

    @model_validator(mode="after")
    def _expires_before_the_next_part(self) -> "CameraSettings":
        if self.trigger_expiry_ms is not None and self.trigger_expiry_ms > self._half_spacing_ms:
            raise ValueError(
                f"trigger_expiry_ms is {self.trigger_expiry_ms:g}, but later than {self._half_spacing_ms:g} ms, half"
                " the spacing of parts at max_rate_hz, the next part may be before the lens"
            )
        return self

    @property
    def trigger_expiry_ns(self) -> int:
        """How old a trigger may be for its own part to be before the lens, in nanoseconds."""
        expiry_ms = self._half_spacing_ms if self.trigger_expiry_ms is None else self.trigger_expiry_ms
        return int(expiry_ms * NS_PER_MS)

    @property
    def _half_spacing_ms(self) -> float:
        return MS_PER_S / self.max_rate_hz / 2


class BeltSettings(Section):
    """The conveyor that carries parts from camera to gate."""

    speed_mm_s: float = Field(ge=0.1, le=20_000, description="belt speed")


class InferenceSettings(Section):
    """The worker."""

    engine: Literal["torch", "openvino"] = Field(
        "torch", description="what runs the network; openvino, on the CPU, needs the extra openvino"
    )
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto takes the GPU where there is one")
    threads: int = Field(1, ge=1, le=256, description="CPU threads of the network; leave a core to the other stations")
    max_batch: int | None = Field(
        None, ge=1, le=256, description="largest batch; the engine's own choice when left out"
    )

    @model_validator(mode="after")
    def _openvino_runs_on_the_cpu(self) -> "InferenceSettings":
        if self.engine == "openvino" and self.device == "cuda":
            raise ValueError("engine openvino runs on the CPU: set device to cpu, or engine to torch")
        return self


class GateSettings(Section):
    """The reject actuator. It rests at reject; only the simulated gate exists so far."""

    kind: Literal["simulated"] = Field("simulated", description="kind of actuator")
    window_ms: float = Field(80, gt=0, le=10_000, description="how long a part may be before the gate, centred")
    heartbeat_timeout_ms: float = Field(  # at least three periods of the heartbeat, see streams.py
        250, ge=120, le=10_000, description="the gate rejects everything once decision has been silent this long"
    )


class DecisionSettings(Section):
    """Deadlines and policy."""

    margin_ms: float = Field(40, ge=0, le=10_000, description="a decision must stand this long before the gate window")
    gate: GateSettings = GateSettings()


class RecordsSettings(Section):
    """Ledger and archive."""

    ledger: LedgerPlace = Field(
        "ledger.sqlite", description="file in data_dir, or sqlite:////folder/file; only SQLite so far"
    )
    keep_frames_s: float = Field(
        2.0, ge=0, le=60, description="how long after its deadline a frame stays in the ring for archive and overlay"
    )
    accept_sample: float = Field(0.1, ge=0, le=1, description="share of accepted parts whose images are archived")
    archive_queue: int = Field(200, ge=1, le=100_000, description="images waiting for the disk before more are skipped")
    archive_min_free_mb: float = Field(
        1000,
        ge=0,
        le=1_000_000_000,
        description="no images while less is free: journal and ledger need it; 0 is no limit",
    )


class OverlaySettings(Section):
    """The operators' page."""

    host: str = Field("127.0.0.1", description="address to listen on; 0.0.0.0 shows the page to the whole network")
    port: int = Field(8080, ge=0, le=65_535, description="TCP port; 0 takes a free one and prints it")
    refresh_hz: float = Field(8, ge=0.1, le=60, description="pictures per second on the page")


class TrainingSettings(Section):
    """The nightly loop."""

    at: Annotated[str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")] = Field(
        "02:30", description="time of day for the trainer, local time"
    )
    minutes: float = Field(30, gt=0, le=1440, description="training time")
    threads: int = Field(1, ge=1, le=256, description="CPU threads of the trainer")
    min_frames: int = Field(40, ge=10, le=1_000_000, description="fewest logged good frames to train on")
    max_frames: int = Field(2000, ge=10, le=1_000_000, description="most logged good frames to train on, newest first")
    false_reject_rate: float | None = Field(
        None,
        gt=0,
        le=0.5,
        description="share of good parts rejected at most, or no new model; that of the model in service when left out",
    )

    @model_validator(mode="after")
    def _enough_frames_are_allowed(self) -> "TrainingSettings":
        if self.min_frames > self.max_frames:
            raise ValueError(f"min_frames is {self.min_frames}, more than max_frames, which is {self.max_frames}")
        return self


class SimulationSettings(Section):
    """The world: a conveyor, its triggers, and a record of which part fell into which bin."""

    rate_hz: float = Field(
        4, ge=SLOWEST_HZ, le=1000, description="parts per second on the belt, on average, per camera"
    )
    jitter: float = Field(0.2, ge=0, le=0.9, description="spacing varies by this share, uniformly")
    defective_share: float = Field(0.15, ge=0, le=1, description="share of defective parts")
    images: FilePath | None = Field(
        None, description="data set in MVTec AD layout to put on the belt; rendered parts when left out"
    )
    seed: int = Field(0, ge=0, description="seed of everything random in the world")


class Line(Section):
    """A whole line."""

    line: Name = Field(description="name of the line")
    recipe: Name = Field(description="product; the model in service is models/<recipe>/current in data_dir")
    data_dir: FilePath = Field(description="folder for models, ledger, archive, sockets and logs")
    belt: BeltSettings
    cameras: dict[Name, CameraSettings] = Field(min_length=1, max_length=64, description="by name")
    inference: InferenceSettings = InferenceSettings()
    decision: DecisionSettings = DecisionSettings()
    records: RecordsSettings = RecordsSettings()
    overlay: OverlaySettings = OverlaySettings()
    training: TrainingSettings = TrainingSettings()
    simulation: SimulationSettings | None = Field(None, description="only for a simulated line")

    @model_validator(mode="after")
    def _deadline_after_trigger(self) -> "Line":
        for name in self.cameras:
            if self.travel_ns(name) > LONGEST_TRAVEL_S * NS_PER_S:
                raise ValueError(
                    f"camera {name}: a part needs {self.travel_ns(name) / NS_PER_S:.0f} s to the gate (to_gate_mm /"
                    f" speed_mm_s), at most an hour is possible"
                )
            if self.deadline_ns(name) <= 0:
                raise ValueError(
                    f"camera {name} leaves no time to decide: to_gate_mm / speed_mm_s is shorter than half of"
                    " decision.gate.window_ms plus decision.margin_ms"
                )
        return self

    @model_validator(mode="after")
    def _cameras_answer_before_the_deadline(self) -> "Line":
        for name, camera in self.cameras.items():
            longest_ms = self.deadline_ns(name) / NS_PER_MS
            if isinstance(camera.source, GenicamCamera) and camera.source.fetch_timeout_ms >= longest_ms:
                raise ValueError(
                    f"camera {name} may wait {camera.source.fetch_timeout_ms} ms for a frame (fetch_timeout_ms), but"
                    f" its parts must be decided {longest_ms:.0f} ms after their trigger"
                )
        return self

    def camera(self, name: str) -> CameraSettings:
        """The camera of that name. Raises InputError."""
        if name not in self.cameras:
            known = ", ".join(self.cameras)
            raise InputError(f"no camera '{name}' in the line file", f"line {self.line}", f"Known cameras: {known}")
        return self.cameras[name]

    def travel_ns(self, camera: str) -> int:
        """Belt time from camera to gate, in nanoseconds."""
        return int(self.cameras[camera].to_gate_mm / self.belt.speed_mm_s * NS_PER_S)

    def deadline_ns(self, camera: str) -> int:
        """Time from trigger to the last moment for a decision, in nanoseconds."""
        reserve_ms = self.decision.margin_ms + self.decision.gate.window_ms / 2
        return self.travel_ns(camera) - int(reserve_ms * NS_PER_MS)

    @property
    def ring_owner(self) -> str:
        """The name under which frame rings lie in /dev/shm: two lines of one name in two folders keep apart."""
        return f"{self.line}-{zlib.crc32(str(self.data_dir).encode()):08x}"

    @property
    def sockets_dir(self) -> Path:
        """Folder of ZeroMQ sockets and station locks."""
        return self.data_dir / "run"

    @property
    def registry_dir(self) -> Path:
        """Root of the model registry."""
        return self.data_dir / "models"

    @property
    def current_model_path(self) -> Path:
        """The link to the model in service."""
        return self.registry_dir / self.recipe / "current"

    @property
    def exports_dir(self) -> Path:
        """Folder of the OpenVINO exports that the worker makes of this recipe's models; may be emptied at any time."""
        return self.data_dir / "exports" / self.recipe

    @property
    def archive_dir(self) -> Path:
        """Root of archived images."""
        return self.data_dir / "archive"

    @property
    def journal_path(self) -> Path:
        """Decisions on their way to the ledger; survives a crash of the decision station."""
        return self.data_dir / "decisions.journal"

    @property
    def world_record_path(self) -> Path:
        """The simulated world's own record of parts and bins, one JSON document a line."""
        return self.data_dir / "world.jsonl"

    @property
    def ledger_url(self) -> str:
        """SQLAlchemy URL of the ledger."""
        ledger = self.records.ledger
        return ledger if "://" in ledger else f"sqlite:///{quote(str(self.data_dir / ledger))}"
