"""Gate and counter of the line that is hurt: simulated, or the given kind of PLC at this machine's own address."""

import socket
from typing import Any

from line_inspector.config import (
    CounterSettings,
    GateSettings,
    ModbusCounterSettings,
    ModbusGateSettings,
    OpcUaGateSettings,
)

LOOPBACK = "127.0.0.1"


def scratch_gate(given: GateSettings) -> dict[str, Any]:
    """The section `decision.gate`: a PLC stays one, but on loopback; outputs of this machine are simulated."""
    if isinstance(given, ModbusGateSettings | OpcUaGateSettings):
        section: dict[str, Any] = at_another_port(given).model_dump(mode="json", exclude_none=True)
        return section
    return {
        "kind": "simulated",
        "window_ms": given.window_ms,
        "heartbeat_timeout_ms": given.heartbeat_timeout_ms,
    }


def at_another_port(gate: GateSettings) -> GateSettings:
    """The same PLC at a free port of loopback; a gate that is no PLC as it is."""
    if isinstance(gate, ModbusGateSettings):
        return gate.model_copy(update={"host": LOOPBACK, "port": _free_port()})
    if isinstance(gate, OpcUaGateSettings):
        return gate.model_copy(update={"endpoint": f"opc.tcp://{LOOPBACK}:{_free_port()}/"})
    return gate


def scratch_counter(given: CounterSettings) -> dict[str, Any]:
    """Where the world's own counter is: at a free port of loopback. Nothing is changed of what it holds, and how."""
    if isinstance(given, ModbusCounterSettings):
        return {"host": LOOPBACK, "port": _free_port()}
    return {"endpoint": f"opc.tcp://{LOOPBACK}:{_free_port()}/"}


def port_of(gate: GateSettings) -> int | None:
    """Where `at_another_port` has put the PLC; None for a gate that is no PLC."""
    if isinstance(gate, ModbusGateSettings | OpcUaGateSettings):
        return int(gate.server.rpartition(":")[2])
    return None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port
