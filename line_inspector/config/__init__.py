"""The line file: every key with its unit, bounds and default. Read and validated once, at start.

Unknown keys are refused with the nearest known name and the YAML line. Relative paths are taken from the folder of the
line file. Each station is given its own section, never the whole file.
"""

from line_inspector.config.alarms import AlarmSettings
from line_inspector.config.belt import BeltSettings
from line_inspector.config.camera import CameraSettings
from line_inspector.config.challenge import ChallengeSettings
from line_inspector.config.cores import CorePlan, core_plan
from line_inspector.config.cpu_quota import cpu_quota
from line_inspector.config.encoder import (
    CounterSettings,
    EncoderSettings,
    ModbusCounterSettings,
    OpcUaCounterSettings,
)
from line_inspector.config.gate import (
    GateSettings,
    GpioGateSettings,
    ModbusGateSettings,
    OpcUaGateSettings,
    PlcGateSection,
    SimulatedGateSettings,
)
from line_inspector.config.inference import WorkerSettings
from line_inspector.config.line import Line
from line_inspector.config.section import Section
from line_inspector.config.simulation import SimulationSettings
from line_inspector.config.source import CameraSource, FolderCamera, GenicamCamera, SimulatedCamera, VideoCamera
from line_inspector.config.training import TrainingSettings
from line_inspector.config.trigger import SLOWEST_HZ, LineTrigger, RateTrigger
from line_inspector.config.units import NS_PER_MS, NS_PER_S

__all__ = [
    "NS_PER_MS",
    "NS_PER_S",
    "SLOWEST_HZ",
    "AlarmSettings",
    "BeltSettings",
    "CameraSettings",
    "CameraSource",
    "ChallengeSettings",
    "CorePlan",
    "CounterSettings",
    "EncoderSettings",
    "FolderCamera",
    "GateSettings",
    "GenicamCamera",
    "GpioGateSettings",
    "Line",
    "LineTrigger",
    "ModbusCounterSettings",
    "ModbusGateSettings",
    "OpcUaCounterSettings",
    "OpcUaGateSettings",
    "PlcGateSection",
    "RateTrigger",
    "Section",
    "SimulatedCamera",
    "SimulatedGateSettings",
    "SimulationSettings",
    "TrainingSettings",
    "VideoCamera",
    "WorkerSettings",
    "core_plan",
    "cpu_quota",
]
