"""The OPC UA server of the simulated counter (asyncua)."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from asyncua import ua

from line_inspector.config import OpcUaCounterSettings
from line_inspector.encoders.opcua_counter import node_of
from line_inspector.simulation.opcua_server import build_server, stop_server

NAMESPACE = "urn:line-inspector:counter"
BITS = 32


async def serve_opcua_counter(settings: OpcUaCounterSettings, count: Callable[[], int]) -> Callable[[], Awaitable[Any]]:
    """Listens, with a UInt32; gives back how to stop. Raises OSError where the address cannot be had."""
    node_id = node_of(settings)
    server = await build_server(settings.endpoint, NAMESPACE, node_id.NamespaceIndex)
    name = ua.QualifiedName("count", node_id.NamespaceIndex)
    node = await server.nodes.objects.add_variable(node_id, name, 0, ua.VariantType.UInt32)

    def read(_node: ua.NodeId, _attribute: ua.AttributeIds) -> ua.DataValue:
        return ua.DataValue(ua.Variant(count() % 2**BITS, ua.VariantType.UInt32))

    server.set_attribute_value_callback(node.nodeid, read)
    await server.start()
    return partial(stop_server, server)
