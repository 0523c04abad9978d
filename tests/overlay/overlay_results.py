"""Results for tests, each a plain good part unless told otherwise."""

from typing import Any

from line_inspector.messages import Result
from line_inspector.part_record import Reason

S = 1_000_000_000
START_NS = 1000 * S


def result(number: int = 1, *, at_ns: int = START_NS, accepted: bool = True, **changes: Any) -> Result:
    values: dict[str, Any] = {
        "part_id": f"top-{number}",
        "view_id": f"top-{number}",
        "camera": "top",
        "decided_by": changes.get("camera", "top"),
        "leads": True,
        "accepted": accepted,
        "reason": Reason.GOOD if accepted else Reason.ANOMALY,
        "score": 0.1 if accepted else 0.9,
        "threshold": 0.4,
        "pixel_threshold": 0.3,
        "model_version": "v1",
        "slot": None,
        "heat": b"",
        "trigger_wall_ns": 0,
        "trigger_ns": at_ns - S // 10,
        "decided_ns": at_ns,
    }
    return Result(**(values | changes))
