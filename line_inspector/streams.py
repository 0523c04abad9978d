"""The one table of streams. The bus, the liveness checks, the docs and the tests read it; nothing else names one."""

from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from line_inspector import messages as m
from line_inspector.encoding import Message
from line_inspector.errors import InputError

LONGEST_IPC_PATH = 107  # bytes in sockaddr_un.sun_path, less the closing NUL


class Pattern(Enum):
    """ZeroMQ socket pair, sender first."""

    ACKED = "DEALER/ROUTER"
    QUEUE = "PUSH/PULL"
    LATEST = "PUB/SUB"
    BOUNDED = "DEALER/ROUTER, bounded"


class Per(Enum):
    """How many endpoints a stream has on one line."""

    LINE = "line"
    CAMERA = "camera"
    STATION = "station"
    WORKER = "worker"


@dataclass(frozen=True)
class Stream:
    """One row: who sends what to whom, how, and how often a healthy sender speaks (0 = once per part)."""

    name: str
    message: type[Message]
    source: str
    sink: str
    pattern: Pattern
    per: Per
    rate_hz: float

    @property
    def dead_after_ns(self) -> int:
        """A stream with a declared rate is dead after ten missed periods."""
        return int(10e9 / self.rate_hz) if self.rate_hz else 0

    def endpoint(self, sockets_dir: Path, instance: str = "") -> str:
        """The ipc address. `instance` is the camera, station or worker where the stream has one endpoint for each."""
        if (self.per is Per.LINE) == bool(instance):
            raise ValueError(f"stream {self.name} has one endpoint per {self.per.value}, got instance {instance!r}")
        path = sockets_dir / (f"{self.name}.{instance}" if instance else self.name)
        if len(str(path).encode()) > LONGEST_IPC_PATH:
            raise InputError("path is too long for a socket", str(path), "Choose a shorter data_dir in the line file")
        return f"ipc://{path}"


TRIGGERS = Stream("triggers", m.Trigger, "world", "capture", Pattern.ACKED, Per.CAMERA, 0)
ANNOUNCEMENTS = Stream("announcements", m.Announcement, "capture", "decision", Pattern.ACKED, Per.LINE, 0)
FRAMES = Stream("frames", m.FrameReady, "capture", "inference", Pattern.QUEUE, Per.LINE, 0)
WORK = Stream("work", m.Call, "inference", "worker", Pattern.BOUNDED, Per.WORKER, 5)
ANSWERS = Stream("answers", m.Reply, "worker", "inference", Pattern.BOUNDED, Per.WORKER, 5)
SHOTS = Stream("shots", m.FrameReady, "capture", "decision", Pattern.QUEUE, Per.LINE, 0)
VERDICTS = Stream("verdicts", m.Verdict, "inference", "decision", Pattern.QUEUE, Per.LINE, 0)
FAULTS = Stream("faults", m.Fault, "capture, inference", "decision", Pattern.QUEUE, Per.LINE, 0)
ACCEPTS = Stream("accepts", m.AcceptPart, "decision", "world", Pattern.ACKED, Per.LINE, 0)
HEARTBEAT = Stream("heartbeat", m.Heartbeat, "decision", "world", Pattern.LATEST, Per.LINE, 25)
ENCODER = Stream("encoder", m.Encoder, "encoder, world", "decision", Pattern.LATEST, Per.LINE, 100)
BIN = Stream("bin", m.BinCount, "world", "decision", Pattern.LATEST, Per.LINE, 10)
ALARMS = Stream("alarms", m.AlarmsStanding, "decision", "overlay", Pattern.LATEST, Per.LINE, 2)
ACKNOWLEDGEMENTS = Stream("acknowledgements", m.AlarmAcknowledgement, "overlay", "decision", Pattern.QUEUE, Per.LINE, 0)
CHALLENGES = Stream("challenges", m.ChallengeRequest, "decision", "capture", Pattern.QUEUE, Per.CAMERA, 0)
LOOP_BACK = Stream("loop_back", m.LoopBack, "decision", "world", Pattern.QUEUE, Per.LINE, 0)
RESULTS = Stream("results", m.Result, "decision", "overlay", Pattern.LATEST, Per.LINE, 0)
HEALTH = Stream("health", m.Health, "every station", "overlay, decision, run", Pattern.LATEST, Per.STATION, 5)

STREAMS = (
    TRIGGERS,
    ANNOUNCEMENTS,
    FRAMES,
    WORK,
    ANSWERS,
    SHOTS,
    VERDICTS,
    FAULTS,
    ACCEPTS,
    HEARTBEAT,
    ENCODER,
    BIN,
    ALARMS,
    ACKNOWLEDGEMENTS,
    CHALLENGES,
    LOOP_BACK,
    RESULTS,
    HEALTH,
)
