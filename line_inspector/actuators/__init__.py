"""Actuators that let good parts pass the reject gate. The gate's rest position is reject."""

from collections.abc import Iterable

from line_inspector.actuators.gate import Gate
from line_inspector.actuators.plc_signals import lanes_of
from line_inspector.actuators.simulated import SimulatedGate
from line_inspector.bus import Bus
from line_inspector.config import (
    GateSettings,
    GpioGateSettings,
    ModbusGateSettings,
    OpcUaGateSettings,
    SimulatedGateSettings,
)
from line_inspector.errors import InputError
from line_inspector.extras import import_extra

__all__ = ["Gate", "build_gate", "require_gate"]


def build_gate(settings: GateSettings, bus: Bus, cameras: Iterable[str]) -> Gate:
    """The gate that `settings` describe, at rest. `cameras` are all of the line, in the order of its file.

    Raises InputError where an extra is not installed, or the outputs cannot be had. A PLC that does not answer is
    waited for in the background.
    """
    require_gate(settings)
    match settings:
        case SimulatedGateSettings():
            return SimulatedGate(bus)
        case ModbusGateSettings():
            from line_inspector.actuators.modbus import ModbusGate

            return ModbusGate(settings, lanes_of(cameras))
        case OpcUaGateSettings():
            from line_inspector.actuators.opcua import OpcUaGate

            return OpcUaGate(settings, lanes_of(cameras))
        case GpioGateSettings():
            from line_inspector.actuators.gpio import GpioGate

            return GpioGate(settings)


def require_gate(settings: GateSettings) -> None:
    """Raises InputError where the packages that this kind of gate needs are not installed, or its chip is not there."""
    packages = {"modbus": ("pymodbus", "plc"), "opcua": ("asyncua", "plc"), "gpio": ("gpiod", "gpio")}
    if settings.kind in packages:
        import_extra(*packages[settings.kind])
    if isinstance(settings, GpioGateSettings) and not settings.chip.exists():
        raise InputError("no such GPIO chip", str(settings.chip), "gpiodetect lists those of this machine")
