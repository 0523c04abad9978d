"""What becomes of a part whose trigger is late, early, missing or doubled: the one table. docs/tracking.md shows it."""

from dataclasses import dataclass

from line_inspector.part_record import Reason


@dataclass(frozen=True)
class TriggerResult:
    """One row. `reasons` are those of the rejects that come of it; empty where nobody hears of a part."""

    trigger: str
    when: str
    result: str
    reasons: tuple[Reason, ...]


TRIGGER_RESULTS = (
    TriggerResult(
        "late",
        "older than `trigger_expiry_ms` when the camera is asked, or announced after its deadline",
        "no picture is taken of it, since the next part may lie before the lens",
        (Reason.LATE_TRIGGER,),
    ),
    TriggerResult(
        "early",
        "nearer to the one before than the shortest window that the gate can hold",
        "both parts are rejected, unless a worse reason rejects them already",
        (Reason.TOUCHING,),
    ),
    TriggerResult(
        "double",
        "within `part_length_mm` of the one before",
        "it is no part: its row is a reject, and the part that it doubles is judged as if it had not been",
        (Reason.DOUBLE_TRIGGER,),
    ),
    TriggerResult(
        "sent twice",
        "the same part id again, from whoever waits for an acknowledgement",
        "nothing: the part is known, and decided once",
        (),
    ),
    TriggerResult(
        "missing at every camera",
        "no camera notices the part",
        "nobody opens the gate for it; it has no row",
        (),
    ),
    TriggerResult(
        "missing at one of several cameras",
        "a camera of its `part` has announced nothing near it by its deadline",
        "the part is rejected, whatever the others saw",
        (Reason.VIEW_MISSING,),
    ),
    TriggerResult(
        "late at one of several cameras",
        "announced after its part was decided without it",
        "the part stays rejected; the view has a row, but is no part: it counts neither as trigger nor as reject",
        (Reason.LATE_VIEW,),
    ),
    TriggerResult(
        "not known to be alone",
        "its camera began to look just before it, or has not told in time that no other part follows",
        "the part is rejected",
        (Reason.GAP_UNKNOWN,),
    ),
    TriggerResult(
        "not placed on the belt",
        "the encoder was silent or stood when the part came, is silent when it is to pass, counts anew, or is too"
        " uncertain",
        "the part is rejected, and the gate takes back what it was told",
        (Reason.BELT_UNKNOWN,),
    ),
)


def trigger_table() -> str:
    """The table in Markdown."""
    lines = ["| trigger | when | result | reason |", "| --- | --- | --- | --- |"]
    for row in TRIGGER_RESULTS:
        reasons = ", ".join(f"`{reason.value}`" for reason in row.reasons) or "-"
        lines.append(f"| {row.trigger} | {row.when} | {row.result} | {reasons} |")
    return "\n".join(lines) + "\n"
