"""A counter in a node of an OPC UA server."""

from asyncua import ua

from line_inspector.actuators.opcua_session import OpcUaSession
from line_inspector.actuators.wire import BadAnswer
from line_inspector.config import OpcUaCounterSettings
from line_inspector.errors import InputError

LAST_NAMESPACE, LAST_NUMBER = 2**16 - 1, 2**32 - 1  # what the protocol has room for
BITS = {
    ua.VariantType.Int16: 16,
    ua.VariantType.UInt16: 16,
    ua.VariantType.Int32: 32,
    ua.VariantType.UInt32: 32,
    ua.VariantType.Int64: 64,
    ua.VariantType.UInt64: 64,
}


class OpcUaCounter:
    """One session. How many bits the count has is told by its type."""

    def __init__(self, settings: OpcUaCounterSettings) -> None:
        self._node = node_of(settings)
        self._session = OpcUaSession(settings.endpoint, settings.timeout_ms)

    def read(self) -> tuple[int, int]:
        """One Read request. A negative value is what its bits are without a sign."""
        (answer,) = self._session.read([self._node])
        if answer.StatusCode is not None and not answer.StatusCode.is_good():  # a gateway's stale values are not
            raise BadAnswer(f"has no good value ({answer.StatusCode.name})")
        kind = answer.Value.VariantType if answer.Value else ua.VariantType.Null
        value = answer.Value.Value if answer.Value else None
        if kind not in BITS or not isinstance(value, int):
            shown = "an array" if isinstance(value, list) else getattr(kind, "name", kind)
            raise BadAnswer(f"is no whole number of 16, 32 or 64 bits ({shown})")
        return value % 2 ** BITS[kind], BITS[kind]

    def close(self) -> None:
        """Resets the connection."""
        self._session.close()


def node_of(settings: OpcUaCounterSettings) -> ua.NodeId:
    """The count's node. Raises InputError where `node_id` is none."""
    try:
        node = ua.NodeId.from_string(settings.node_id)
        if not 0 <= node.NamespaceIndex <= LAST_NAMESPACE:
            raise ValueError(f"there are namespaces 0 to {LAST_NAMESPACE}")
        if isinstance(node.Identifier, int) and not 0 <= node.Identifier <= LAST_NUMBER:
            raise ValueError(f"there are numbers 0 to {LAST_NUMBER}")
    except (ua.UaError, ValueError) as e:
        remedy = "Write it as the PLC shows its node ids, such as ns=3;s=Belt.count"
        raise InputError(f"is no node id ({e})", f"belt.encoder.source.node_id {settings.node_id}", remedy) from e
    return node
