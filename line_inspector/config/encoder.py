"""The belt's encoder, and where its count is read: one section for each kind of counter."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from line_inspector.config.gate import LAST_PORT, Endpoint, Host, server_of
from line_inspector.config.section import Section

LAST_REGISTER = 65_535


class CounterSection(Section):
    """What every kind of counter has."""

    kind: str
    cycle_ms: float = Field(  # what is read is so old at most, and decision does without the count for 100 ms at most
        10, ge=0, le=50, description="longest time between two updates of the count: the PLC's cycle, 0 for none"
    )
    falling: bool = Field(False, description="the count falls while the belt goes forward")
    timeout_ms: int = Field(200, ge=10, le=5000, description="a counter that has not answered for this long is lost")


class ModbusCounterSettings(CounterSection):
    """A PLC or counter module with a Modbus TCP server. Needs the extra `plc`."""

    kind: Literal["modbus"]
    host: Host = Field(description="its name or address")
    port: int = Field(502, ge=1, le=LAST_PORT, description="its TCP port")
    unit: int = Field(1, ge=0, le=255, description="its unit identifier")
    address: int = Field(ge=0, le=LAST_REGISTER, description="the count's register, the first of two, from 0")
    table: Literal["holding", "input"] = Field("holding", description="which registers: function 3, or 4")
    bits: Literal[16, 32] = Field(32, description="of the count, in one register or two; it wraps there")
    word_order: Literal["high_first", "low_first"] = Field(
        "high_first", description="of the two registers of 32 bits, which comes first"
    )

    @model_validator(mode="after")
    def _both_registers_are_there(self) -> "ModbusCounterSettings":
        if self.address + self.bits // 16 - 1 > LAST_REGISTER:
            raise ValueError(f"address {self.address} leaves no register for the second half of {self.bits} bits")
        return self

    @property
    def where(self) -> str:
        """What is read, for people."""
        return f"{self.table} register {self.address} at modbus {self.host}:{self.port}"

    @property
    def server(self) -> str:
        """Whom a client of the count speaks to."""
        return f"{self.host}:{self.port}"


class OpcUaCounterSettings(CounterSection):
    """A PLC with an OPC UA server. Needs the extra `plc`."""

    kind: Literal["opcua"]
    endpoint: Endpoint = Field(description="the address of its server")
    node_id: str = Field(min_length=1, max_length=500, description="the count's node, a whole number of 16 to 64 bits")

    @property
    def where(self) -> str:
        """What is read, for people."""
        return f"node {self.node_id} at {self.endpoint}"

    @property
    def server(self) -> str:
        """Whom a client of the count speaks to."""
        return server_of(self.endpoint)


CounterSettings = Annotated[ModbusCounterSettings | OpcUaCounterSettings, Field(discriminator="kind")]


class EncoderSettings(Section):
    """An encoder on the belt, whose count comes with the stream encoder. Parts are then tracked by distance."""

    mm_per_count: float = Field(gt=0, le=1000, description="how far the belt goes in one count")
    source: CounterSettings | None = Field(
        None, description="where the count is read; when left out, it is the simulated world's"
    )
