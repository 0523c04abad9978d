"""The OPC UA server of the simulated counter (asyncua)."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any

from asyncua import Server, ua

from line_inspector.config import OpcUaCounterSettings
from line_inspector.encoders.opcua_counter import node_of

NAMESPACE = "urn:line-inspector:counter"
BITS = 32

logging.getLogger("asyncua").setLevel(logging.CRITICAL + 1)


async def serve_opcua_counter(settings: OpcUaCounterSettings, count: Callable[[], int]) -> Callable[[], Awaitable[Any]]:
    """Listens, with a UInt32; gives back how to stop. Raises OSError where the address cannot be had."""
    server = Server()
    await server.init()
    server.set_endpoint(settings.endpoint)
    server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
    node_id, number = node_of(settings), 0
    while await server.register_namespace(f"{NAMESPACE}:{number}") < node_id.NamespaceIndex:
        number += 1
    name = ua.QualifiedName("count", node_id.NamespaceIndex)
    node = await server.nodes.objects.add_variable(node_id, name, 0, ua.VariantType.UInt32)

    def read(_node: ua.NodeId, _attribute: ua.AttributeIds) -> ua.DataValue:
        return ua.DataValue(ua.Variant(count() % 2**BITS, ua.VariantType.UInt32))

    server.set_attribute_value_callback(node.nodeid, read)
    await server.start()
    return server.stop
