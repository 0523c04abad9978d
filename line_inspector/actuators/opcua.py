"""A gate driven by a PLC over OPC UA (asyncua). docs/plc.md holds the nodes."""

import asyncio
import logging
import socket
from collections.abc import Coroutine, Mapping
from typing import Any, TypeVar

from asyncua import Client, ua

from line_inspector.actuators.plc_gate import PlcGate
from line_inspector.actuators.plc_signals import FROM_PLC, REGISTER_BITS, TO_PLC, Inputs, Outputs, Signal
from line_inspector.actuators.wire import DISCARD_ON_CLOSE, WireFault
from line_inspector.config import OpcUaGateSettings
from line_inspector.errors import InputError

T = TypeVar("T")

CONNECT_S = 4.0  # half a dozen requests, for which a PLC may take its time
SESSION_MS = 30_000  # a PLC has few sessions: it forgets those that a cut cable has left open

logging.getLogger("asyncua").setLevel(logging.CRITICAL + 1)  # each fault is reported by the gate, in one line


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
    """One session, in an event loop that runs only while something is asked. Raises WireFault when there is none."""

    def __init__(self, settings: OpcUaGateSettings) -> None:
        self._timeout_s = settings.timeout_ms / 1000
        self._outputs, self._inputs = node_ids(settings, TO_PLC), node_ids(settings, FROM_PLC)
        self._loop = asyncio.new_event_loop()
        self._client = Client(settings.endpoint, timeout=CONNECT_S)
        self._client.name = self._client.description = "line-inspector"
        self._client.session_timeout = SESSION_MS
        try:
            self._ask(self._client.connect(), CONNECT_S)
        except WireFault:
            self.close()
            raise

    def write(self, outputs: Outputs) -> None:
        """One Write request for all nodes, the result's number last."""
        values = [_data_value(signal, outputs) for signal in TO_PLC]
        statuses = self._ask(self._client.uaclient.write_attributes(self._outputs, values), self._timeout_s)
        for signal, status in zip(TO_PLC, statuses, strict=True):
            if not status.is_good():
                raise WireFault(f"refuses to have {signal.name} written ({status.name})")

    def read(self) -> Inputs:
        """One Read request for all nodes."""
        question = self._client.uaclient.read_attributes(self._inputs, ua.AttributeIds.Value)
        answers = self._ask(question, self._timeout_s)
        read: dict[str, int] = {}
        for signal, answer in zip(FROM_PLC, answers, strict=True):
            value = answer.Value.Value if answer.Value else None
            good = answer.StatusCode is None or answer.StatusCode.is_good()  # a gateway's stale values are not
            if not good or not isinstance(value, int) or not 0 <= value < 2 ** (REGISTER_BITS * signal.kind.registers):
                status = answer.StatusCode.name if answer.StatusCode else "no status"
                raise WireFault(f"has no {signal.kind.value} in {signal.name} ({status})")
            read[signal.name] = value
        return Inputs(**read)  # type: ignore[arg-type]  # 0 and 1 are good booleans

    def safe(self) -> None:
        """Writes the rest position."""
        self.write(Outputs())

    def close(self) -> None:
        """Resets the connection, and ends what asyncua still has under way."""
        transport = self._client.uaclient.protocol and self._client.uaclient.protocol.transport
        if transport:
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, DISCARD_ON_CLOSE)
            transport.abort()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(_ended(tasks))
        self._loop.close()

    def _ask(self, question: Coroutine[Any, Any, T], patience_s: float) -> T:
        try:
            return self._loop.run_until_complete(asyncio.wait_for(question, patience_s))
        except TimeoutError as e:
            raise WireFault(f"does not answer within {patience_s:g} s") from e
        except (ua.UaError, OSError, ValueError) as e:
            raise WireFault(" ".join(str(e).split()) or type(e).__name__) from e


async def _ended(tasks: set["asyncio.Task[Any]"]) -> None:
    """Waits for cancelled tasks, and for the transport to have closed its socket."""
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.sleep(0)


def _data_value(signal: Signal, outputs: Outputs) -> ua.DataValue:
    """Without status and time stamps: many PLCs refuse a write that brings them."""
    return ua.DataValue(ua.Variant(getattr(outputs, signal.name), ua.VariantType[signal.kind.value]), None)
