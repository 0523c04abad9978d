"""The whole line: its sections, what they must agree on, and the places and times that follow from them."""

import zlib
from pathlib import Path
from urllib.parse import quote

from pydantic import Field, model_validator

from line_inspector.config.alarms import AlarmSettings
from line_inspector.config.belt import BeltSettings
from line_inspector.config.camera import CameraSettings
from line_inspector.config.challenge import ChallengeSettings
from line_inspector.config.decision import DecisionSettings
from line_inspector.config.encoder import CounterSettings
from line_inspector.config.flat_settings import flat_settings
from line_inspector.config.gate import (
    GpioGateSettings,
    ModbusGateSettings,
    OpcUaGateSettings,
    SimulatedGateSettings,
)
from line_inspector.config.inference import InferenceSettings
from line_inspector.config.overlay import OverlaySettings
from line_inspector.config.records import RecordsSettings
from line_inspector.config.section import FilePath, Name, Section
from line_inspector.config.simulation import SimulationSettings
from line_inspector.config.source import GenicamCamera
from line_inspector.config.training import TrainingSettings
from line_inspector.config.units import NS_PER_MS, NS_PER_S
from line_inspector.errors import InputError

LONGEST_TRAVEL_S = 3600
COUNTS_IN_LEAST_WINDOW = 4
LONGEST_FALL_S = 30  # half of what an encoded belt remembers


class Line(Section):
    """A whole line."""

    line: Name = Field(description="name of the line")
    recipe: Name = Field(description="product; the model in service is models/<recipe>/current in data_dir")
    data_dir: FilePath = Field(description="folder for models, ledger, archive, sockets and logs")
    belt: BeltSettings
    cameras: dict[Name, CameraSettings] = Field(min_length=1, max_length=64, description="by name")
    inference: InferenceSettings = InferenceSettings()
    decision: DecisionSettings = DecisionSettings()
    alarms: AlarmSettings = AlarmSettings()
    challenge: ChallengeSettings | None = Field(None, description="known defects that the line must find")
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

    @model_validator(mode="after")
    def _parts_at_the_highest_rate_get_windows(self) -> "Line":
        gate_ms, cycle_ms = self.decision.gate.least_window_ms, self.counter.cycle_ms if self.counter else 0
        least_ms = gate_ms + cycle_ms  # half a cycle is uncertain of a part's trigger, and half at the gate
        for name, camera in self.cameras.items():
            if 1000 / camera.max_rate_hz <= least_ms:
                counted = f", and belt.encoder.source.cycle_ms takes {cycle_ms:g} ms of it" if cycle_ms else ""
                raise ValueError(
                    f"camera {name}: at max_rate_hz {camera.max_rate_hz:g} every part would be touching, since the"
                    f" gate holds no window shorter than {gate_ms:g} ms{counted}; it allows less than"
                    f" {1000 / least_ms:.4g} Hz"
                )
        return self

    @model_validator(mode="after")
    def _a_count_is_finer_than_a_window(self) -> "Line":
        most_mm = self.decision.gate.least_window_ms / COUNTS_IN_LEAST_WINDOW * self.belt.speed_mm_s / 1000
        if self.belt.encoder and self.belt.encoder.mm_per_count > most_mm:
            raise ValueError(
                f"belt.encoder.mm_per_count is {self.belt.encoder.mm_per_count:g}, too coarse for the gate's shortest"
                f" window, which must hold {COUNTS_IN_LEAST_WINDOW} counts at speed_mm_s: {most_mm:.4g} at most"
            )
        return self

    @model_validator(mode="after")
    def _windows_at_the_gate_keep_apart(self) -> "Line":
        """A gate on a clock lets pass whatever is before it in a window; only the simulated one knows part ids."""
        gate = self.decision.gate
        for name, camera in self.cameras.items():
            spacing_ms = 1000 / camera.max_rate_hz
            if not isinstance(gate, SimulatedGateSettings) and gate.window_ms > spacing_ms:
                raise ValueError(
                    f"camera {name}: parts may follow {spacing_ms:.4g} ms after each other (max_rate_hz), so"
                    f" decision.gate.window_ms, {gate.window_ms:g}, would let pass a part's neighbour too"
                )
        return self

    @model_validator(mode="after")
    def _cameras_of_one_part_are_triggered_by_it(self) -> "Line":
        for lane in self.lanes:
            for name in lane[1:]:
                if "rate" in (self.cameras[name].trigger.kind, self.cameras[lane[0]].trigger.kind):
                    raise ValueError(
                        f"cameras {lane[0]} and {name} see the same part (cameras.{name}.part), so that a clock of"
                        " their own (trigger.kind rate) cannot be what triggers them"
                    )
        return self

    @model_validator(mode="after")
    def _a_changing_speed_is_followed(self) -> "Line":
        if self.simulation and self.simulation.speed_change_s and not self.belt.encoder:
            raise ValueError(
                "simulation.speed_change_s lets the belt change its speed, which only a line with an encoder can follow"
                " (belt.encoder)"
            )
        return self

    @model_validator(mode="after")
    def _simulated_servers_keep_apart(self) -> "Line":
        """A real PLC may have both; the world stands behind each with a server of its own."""
        gate = self.decision.gate
        plc = gate.server if isinstance(gate, ModbusGateSettings | OpcUaGateSettings) else ""
        if self.simulation and self.counter and self.counter.server == plc:
            raise ValueError(
                f"belt.encoder.source and decision.gate are both at {plc}, where the simulated world cannot listen"
                " twice; in simulation, give each a port of its own"
            )
        return self

    @model_validator(mode="after")
    def _every_camera_has_its_own_output(self) -> "Line":
        gate = self.decision.gate
        if isinstance(gate, GpioGateSettings):
            if set(gate.accept_lines) != {lane[0] for lane in self.lanes}:
                raise ValueError(
                    "decision.gate.accept_lines must hold one line for each camera and no other name; of cameras that"
                    " see the same part, only the first"
                )
            if len(set(gate.lines)) < len(gate.lines):
                raise ValueError("decision.gate uses one GPIO line for two signals")
        return self

    @model_validator(mode="after")
    def _who_looks_at_the_gate_can_see_it(self) -> "Line":
        simulated = isinstance(self.decision.gate, SimulatedGateSettings)
        if self.alarms.bin_sensor and self.belt.encoder and self.alarms.bin_fall_ms > LONGEST_FALL_S * 1000:
            raise ValueError(
                f"alarms.bin_fall_ms is {self.alarms.bin_fall_ms:g}; with belt.encoder at most"
                f" {LONGEST_FALL_S * 1000}, since it is not known for longer where the belt was"
            )
        if self.challenge and self.challenge.loop_back and self.belt.encoder:
            raise ValueError(
                "challenge.loop_back shows a challenge to the simulated gate by the clock, which takes a belt of one"
                " speed; leave out loop_back, or belt.encoder"
            )
        gate = self.decision.gate
        if self.alarms.bin_sensor and isinstance(gate, GpioGateSettings) and gate.bin_line is None:
            raise ValueError("alarms.bin_sensor takes a line on which a GPIO gate counts: decision.gate.bin_line")
        if self.challenge and self.challenge.loop_back and not (simulated and self.alarms.bin_sensor):
            raise ValueError("challenge.loop_back takes alarms.bin_sensor: true and decision.gate.kind: simulated")
        return self

    def camera(self, name: str) -> CameraSettings:
        """The camera of that name. Raises InputError."""
        if name not in self.cameras:
            known = ", ".join(self.cameras)
            raise InputError(f"no camera '{name}' in the line file", f"line {self.line}", f"Known cameras: {known}")
        return self.cameras[name]

    @property
    def counter(self) -> CounterSettings | None:
        """Where the belt's count is read; None on a line without an encoder, and where it is the simulated world's."""
        return self.belt.encoder.source if self.belt.encoder else None

    @property
    def lanes(self) -> list[tuple[str, ...]]:
        """Cameras that see the same parts, each in one tuple, in the order of the file; the gate knows the first."""
        lanes: dict[tuple[bool, str], list[str]] = {}
        for name, camera in self.cameras.items():
            lanes.setdefault((camera.part is None, camera.part or name), []).append(name)
        return [tuple(lane) for lane in lanes.values()]

    def travel_ns(self, camera: str) -> int:
        """Belt time from camera to gate, in nanoseconds."""
        return int(self.cameras[camera].to_gate_mm / self.belt.speed_mm_s * NS_PER_S)

    def deadline_ns(self, camera: str) -> int:
        """Time from trigger to the last moment for a decision, in nanoseconds."""
        reserve_ms = self.decision.margin_ms + self.decision.gate.window_ms / 2
        return self.travel_ns(camera) - int(reserve_ms * NS_PER_MS)

    def known_defects_dir(self, camera: str) -> Path | None:
        """Folder of the pictures with which this camera is challenged; None without challenges."""
        return self.challenge.frames / self.recipe / camera if self.challenge else None

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
        """Root of the OpenVINO exports, by recipe and version, of models that may be served; made when published."""
        return self.data_dir / "exports"

    @property
    def archive_dir(self) -> Path:
        """Root of archived images."""
        return self.data_dir / "archive"

    @property
    def journal_path(self) -> Path:
        """Decisions on their way to the ledger; survives a crash of the decision station."""
        return self.data_dir / "decisions.journal"

    @property
    def latch_path(self) -> Path:
        """Alarms that wait for an operator; survives a restart of the decision station."""
        return self.data_dir / "alarms.json"

    @property
    def changes_path(self) -> Path:
        """Changes by commands on their way to the audit table, while the ledger cannot be reached."""
        return self.data_dir / "changes.spool"

    @property
    def world_record_path(self) -> Path:
        """The simulated world's own record of parts and bins, one JSON document a line."""
        return self.data_dir / "world.jsonl"

    @property
    def ledger_url(self) -> str:
        """SQLAlchemy URL of the ledger."""
        ledger = self.records.ledger
        return ledger if "://" in ledger else f"sqlite:///{quote(str(self.data_dir / ledger))}"

    @property
    def settings(self) -> dict[str, object]:
        """Every key and its value, by dotted name, for the record. Passwords are left out."""
        return flat_settings(self.model_dump(mode="json"))
