"""The OPC UA server of the simulated PLC (asyncua)."""

import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from asyncua import Node, Server, ua

from line_inspector.actuators.opcua import node_ids
from line_inspector.actuators.plc_signals import FROM_PLC, SIGNALS, TO_PLC, Outputs, Signal
from line_inspector.config import OpcUaGateSettings
from line_inspector.simulation.opcua_server import build_server, stop_server
from line_inspector.simulation.plc_program import PlcProgram

NAMESPACE = "urn:line-inspector:plc"


async def serve_opcua(settings: OpcUaGateSettings, program: PlcProgram) -> Callable[[], Awaitable[Any]]:
    """Listens; gives back how to stop. Raises OSError where the address cannot be had, InputError for a bad node_id."""
    ids = node_ids(settings, SIGNALS)
    server = await build_server(settings.endpoint, NAMESPACE, ids[0].NamespaceIndex)
    nodes = await _add_nodes(server, ids)
    for signal in FROM_PLC:
        server.set_attribute_value_callback(nodes[signal.name].nodeid, _reading(signal, program))
    _, _ = server.iserver.aspace.add_datachange_callback(
        nodes[TO_PLC[-1].name].nodeid, ua.AttributeIds.Value, _cycle(server, nodes, program)
    )
    await server.start()
    return partial(stop_server, server)


async def _add_nodes(server: Server, ids: list[ua.NodeId]) -> dict[str, Node]:
    nodes: dict[str, Node] = {}
    for signal, node_id in zip(SIGNALS, ids, strict=True):
        kind = ua.VariantType[signal.kind.value]
        value = False if kind is ua.VariantType.Boolean else 0
        name = ua.QualifiedName(signal.name, node_id.NamespaceIndex)
        nodes[signal.name] = await server.nodes.objects.add_variable(node_id, name, value, kind)
    for signal in TO_PLC:
        await nodes[signal.name].set_writable()
    return nodes


def _reading(signal: Signal, program: PlcProgram) -> Callable[[ua.NodeId, ua.AttributeIds], ua.DataValue]:
    def read(_node: ua.NodeId, _attribute: ua.AttributeIds) -> ua.DataValue:
        value = getattr(program.inputs(time.monotonic_ns()), signal.name)
        return ua.DataValue(ua.Variant(int(value), ua.VariantType[signal.kind.value]))

    return read


def _cycle(
    server: Server, nodes: dict[str, Node], program: PlcProgram
) -> Callable[[int, ua.DataValue], Awaitable[None]]:
    """The program takes all values when the last one has been written."""

    async def taken(_handle: int, _value: ua.DataValue) -> None:
        values = {signal.name: server.read_attribute_value(nodes[signal.name].nodeid).Value for signal in TO_PLC}
        program.written(Outputs(**{name: value.Value for name, value in values.items() if value}), time.monotonic_ns())

    return taken
