"""The belt's encoder on a real line: its counter at a PLC or counter module, and what follows from reading it."""

from line_inspector.config import CounterSettings, ModbusCounterSettings, OpcUaCounterSettings
from line_inspector.encoders.counter import Counter
from line_inspector.extras import import_extra

__all__ = ["Counter", "connect_counter", "require_counter"]


def connect_counter(settings: CounterSettings) -> Counter:
    """A connection to the counter. Raises WireFault where there is none, InputError as `require_counter`."""
    require_counter(settings)
    match settings:
        case ModbusCounterSettings():
            from line_inspector.encoders.modbus_counter import ModbusCounter

            return ModbusCounter(settings)
        case OpcUaCounterSettings():
            from line_inspector.encoders.opcua_counter import OpcUaCounter

            return OpcUaCounter(settings)


def require_counter(settings: CounterSettings) -> None:
    """Raises InputError where the package of this kind of counter is not installed, or there can be no such node."""
    import_extra({"modbus": "pymodbus", "opcua": "asyncua"}[settings.kind], "plc")
    if isinstance(settings, OpcUaCounterSettings):
        from line_inspector.encoders.opcua_counter import node_of

        node_of(settings)
