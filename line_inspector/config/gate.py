"""The reject actuator: one section for each kind of gate."""

import re
from ipaddress import ip_address
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from line_inspector.config.section import FilePath, Name, Section

GpioLine = Annotated[int, Field(ge=0, le=65_535)]
NodeIdTemplate = Annotated[str, StringConstraints(pattern=r"^[^{}]*\{name\}[^{}]*$")]

OPC_UA_PORT = 4840
LAST_PORT = 65_535
LEAST_BEATS = 3  # so many heartbeats may be missed before everything is rejected
WINDOW_BEYOND_CYCLES_MS = 8  # what reading the clock and rounding take, with a little left
LEAST_WINDOW_MS = 10  # of a gate that is no PLC; a thread that holds a GPIO window wakes within a millisecond or two


def _is_host(host: str) -> str:
    try:
        ip_address(host)
    except ValueError as e:
        if not re.fullmatch(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_.])?", host):
            raise ValueError(f"'{host}' is no name or address of a host; a port has a key of its own") from e
    return host


def _has_a_port(endpoint: str) -> str:
    port = int(server_of(endpoint).rpartition(":")[2])
    if not 1 <= port <= LAST_PORT:
        raise ValueError(f"{port} is no port; there are 1 to {LAST_PORT}")
    return endpoint


def server_of(endpoint: str) -> str:
    """HOST:PORT, of an OPC UA endpoint."""
    server = endpoint.removeprefix("opc.tcp://").partition("/")[0]
    return server if ":" in server else f"{server}:{OPC_UA_PORT}"


Host = Annotated[str, Field(min_length=1, max_length=253), AfterValidator(_is_host)]
Endpoint = Annotated[
    str,
    StringConstraints(pattern=r"^opc\.tcp://[^\s/:]+(:\d{1,5})?(/\S*)?$"),
    AfterValidator(_has_a_port),
]


class GateSection(Section):
    """What every kind of gate has."""

    kind: str
    window_ms: float = Field(80, gt=0, le=10_000, description="how long a part may be before the gate, centred")
    heartbeat_timeout_ms: float = Field(  # at least three periods of the heartbeat, see streams.py
        250, ge=120, le=10_000, description="the gate rejects everything once decision has been silent this long"
    )

    @property
    def least_window_ms(self) -> float:
        """The shortest window that this gate can hold: parts nearer to each other than that cannot be told apart."""
        return min(LEAST_WINDOW_MS, self.window_ms)


class SimulatedGateSettings(GateSection):
    """The gate of the simulated conveyor, driven without a PLC. Taken when `kind` is left out."""

    kind: Literal["simulated"] = Field("simulated", description="kind of actuator")


class BeatingGateSection(GateSection):
    """A gate outside this machine. It goes by the clock, so the windows of neighbours must not overlap."""

    window_ms: float = Field(  # the spacing of parts at the default max_rate_hz
        50, gt=0, le=10_000, description="how long a part may be before the gate, centred; at most 1000 / max_rate_hz"
    )
    heartbeat_hz: float = Field(20, ge=2, le=50, description="rate at which the heartbeat changes")

    @model_validator(mode="after")
    def _some_beats_may_be_missed(self) -> "BeatingGateSection":
        least_ms = LEAST_BEATS * 1000 / self.heartbeat_hz
        if self.heartbeat_timeout_ms < least_ms:
            raise ValueError(
                f"heartbeat_timeout_ms is {self.heartbeat_timeout_ms:g}, but three periods of heartbeat_hz are"
                f" {least_ms:.0f} ms; raise one or the other"
            )
        return self


class PlcGateSection(BeatingGateSection):
    """A gate that a PLC drives, which docs/plc.md tells what to do."""

    cycle_ms: int = Field(10, ge=0, le=1000, description="longest cycle of the PLC's program: its clock is so coarse")
    timeout_ms: int = Field(200, ge=10, le=5000, description="a PLC that has not answered for this long is lost")

    @property
    def least_window_ms(self) -> float:
        """Two cycles of a window are uncertain, and what is left must hold a count of the PLC's clock."""
        return 2 * self.cycle_ms + WINDOW_BEYOND_CYCLES_MS

    @model_validator(mode="after")
    def _a_window_outlasts_the_cycles_around_it(self) -> "PlcGateSection":
        least_ms = self.least_window_ms
        if self.window_ms < least_ms:
            raise ValueError(
                f"window_ms is {self.window_ms:g}, but of a window two cycles are uncertain, so that cycle_ms"
                f" {self.cycle_ms} takes {least_ms:g} ms; raise one or lower the other"
            )
        return self


class ModbusGateSettings(PlcGateSection):
    """A PLC with a Modbus TCP server. Needs the extra `plc`; docs/plc.md holds the registers."""

    kind: Literal["modbus"]
    host: Host = Field(description="the PLC's name or address")
    port: int = Field(502, ge=1, le=LAST_PORT, description="its TCP port")
    unit: int = Field(1, ge=0, le=255, description="its unit identifier")
    base_register: int = Field(0, ge=0, le=65_500, description="holding register, from 0, at which the table starts")

    @property
    def server(self) -> str:
        """Whom the gate speaks to."""
        return f"{self.host}:{self.port}"


class OpcUaGateSettings(PlcGateSection):
    """A PLC with an OPC UA server. Needs the extra `plc`; docs/plc.md holds the nodes."""

    kind: Literal["opcua"]
    endpoint: Endpoint = Field(description="the address of the PLC's server")
    node_id: NodeIdTemplate = Field(
        "ns=2;s=LineInspector.{name}", description="how node ids are made of the names in docs/plc.md"
    )

    @property
    def server(self) -> str:
        """Whom the gate speaks to."""
        return server_of(self.endpoint)


class GpioGateSettings(BeatingGateSection):
    """Lines of this machine, through the kernel's GPIO devices. Needs the extra `gpio`."""

    kind: Literal["gpio"]
    chip: FilePath = Field(description="the GPIO device, such as /dev/gpiochip0")
    accept_lines: dict[Name, GpioLine] = Field(
        min_length=1, max_length=64, description="by camera: the line that lets its parts pass while it is active"
    )
    heartbeat_line: int = Field(ge=0, le=65_535, description="the line that toggles while decisions are made")
    stop_line: int | None = Field(
        None, ge=0, le=65_535, description="the line that is active while an alarm asks for a stop"
    )
    active_low: bool = Field(False, description="accept lines and stop_line are active at low level")
    bin_line: int | None = Field(
        None, ge=0, le=65_535, description="an input: a pulse for each part that falls into the reject bin"
    )
    bin_full_line: int | None = Field(
        None, ge=0, le=65_535, description="an input that is active while the reject bin is full; takes bin_line"
    )
    bin_active_low: bool = Field(False, description="bin_line and bin_full_line are active at low level")
    bin_debounce_ms: float = Field(5, ge=0, le=1000, description="what comes sooner after a pulse belongs to it")

    @model_validator(mode="after")
    def _a_bin_that_fills_is_counted(self) -> "GpioGateSettings":
        if self.bin_full_line is not None and self.bin_line is None:
            raise ValueError("bin_full_line takes a sensor that counts as well: bin_line")
        return self

    @property
    def lines(self) -> list[int]:
        """Every line in use, outputs first."""
        single = (self.heartbeat_line, self.stop_line, self.bin_line, self.bin_full_line)
        return [*self.accept_lines.values(), *(line for line in single if line is not None)]


GateSettings = Annotated[
    SimulatedGateSettings | ModbusGateSettings | OpcUaGateSettings | GpioGateSettings, Field(discriminator="kind")
]
