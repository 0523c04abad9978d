"""A gate driven by a PLC over OPC UA. docs/plc.md holds the nodes."""

from collections.abc import Mapping

from asyncua import ua

from line_inspector.actuators.opcua_session import OpcUaSession
from line_inspector.actuators.plc_gate import PlcGate
from line_inspector.actuators.plc_signals import FROM_PLC, REGISTER_BITS, TO_PLC, Inputs, Outputs, Signal
from line_inspector.actuators.wire import BadAnswer
from line_inspector.config import OpcUaGateSettings
from line_inspector.errors import InputError


class OpcUaGate(PlcGate):
    """The gate that `settings` describe; `lanes` are the cameras' numbers at the PLC.

    Raises InputError where `node_id` makes no node ids.
    """

    def __init__(self, settings: OpcUaGateSettings, lanes: Mapping[str, int]) -> None:
        node_ids(settings, TO_PLC)
        super().__init__(f"PLC at {settings.endpoint}", lambda: OpcUaWire(settings), settings, lanes)


def node_ids(settings: OpcUaGateSettings, signals: tuple[Signal, ...]) -> list[ua.NodeId]:
    """The node of each signal. Raises InputError where `node_id` makes none."""
    try:
        return [ua.NodeId.from_string(settings.node_id.format(name=signal.name)) for signal in signals]
    except (ua.UaError, ValueError) as e:
        remedy = "Write it as the PLC shows its node ids, such as ns=2;s=LineInspector.{name}"
        raise InputError(f"makes no node ids ({e})", f"node_id {settings.node_id}", remedy) from e


class OpcUaWire:
    """One session. Raises WireFault when there is none, and BadAnswer for what is refused or cannot be."""

    def __init__(self, settings: OpcUaGateSettings) -> None:
        self._outputs, self._inputs = node_ids(settings, TO_PLC), node_ids(settings, FROM_PLC)
        self._session = OpcUaSession(settings.endpoint, settings.timeout_ms)

    def write(self, outputs: Outputs) -> None:
        """One Write request for all nodes, the result's number last."""
        statuses = self._session.write(self._outputs, [_data_value(signal, outputs) for signal in TO_PLC])
        for signal, status in zip(TO_PLC, statuses, strict=True):
            if not status.is_good():
                raise BadAnswer(f"refuses to have {signal.name} written ({status.name})")

    def read(self) -> Inputs:
        """One Read request for all nodes."""
        read: dict[str, int] = {}
        for signal, answer in zip(FROM_PLC, self._session.read(self._inputs), strict=True):
            value = answer.Value.Value if answer.Value else None
            good = answer.StatusCode is None or answer.StatusCode.is_good()  # a gateway's stale values are not
            if not good or not isinstance(value, int) or not 0 <= value < 2 ** (REGISTER_BITS * signal.kind.registers):
                status = answer.StatusCode.name if answer.StatusCode else "no status"
                raise BadAnswer(f"has no {signal.kind.value} in {signal.name} ({status})")
            read[signal.name] = value
        return Inputs(**read)  # type: ignore[arg-type]  # 0 and 1 are good booleans

    def safe(self) -> None:
        """Writes the rest position."""
        self.write(Outputs())

    def close(self) -> None:
        """Resets the connection."""
        self._session.close()


def _data_value(signal: Signal, outputs: Outputs) -> ua.DataValue:
    """Without status and time stamps: many PLCs refuse a write that brings them."""
    return ua.DataValue(ua.Variant(getattr(outputs, signal.name), ua.VariantType[signal.kind.value]), None)
