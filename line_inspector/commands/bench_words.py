"""The measurement as tables and sentences for people."""

from collections.abc import Iterable, Sequence

from line_inspector.bench.engine_table import BatchSpeed
from line_inspector.bench.line_table import CameraRow, LineTable
from line_inspector.bench.measurement import Measurement
from line_inspector.bench.roofline import Roofline
from line_inspector.bench.transport import Transport

ABOVE_ALL = ": more than all, since rates measured in haste, one after the other, are imprecise"


def in_words(measured: Measurement) -> str:
    """All of it, the answer first."""
    sections = (
        [measured.capacity.sentence, f"Machine: {measured.machine}.", f"Model: {measured.model}."],
        _engine(measured),
        _roofline(measured.roofline),
        _transport(measured.transport),
        _line(measured.line),
    )
    return "\n\n".join("\n".join(section) for section in sections)


def _engine(measured: Measurement) -> list[str]:
    frame = " x ".join(map(str, measured.frame))
    uses = f"the line uses batches up to {measured.max_batch}"
    heads = ("batch", "median ms", "p99 ms", "images/s", "copy", "preprocess", "forward", "post")
    title = f"Engine: {measured.runtime}, {measured.threads} threads, frames of {frame}; {uses}. Stages in ms a batch."
    return [title, *_table(heads, map(_engine_cells, measured.engine))]


def _engine_cells(row: BatchSpeed) -> tuple[str, ...]:
    copy = "none" if row.copy_ms is None else f"{row.copy_ms:.2f}"
    stages = (f"{row.preprocess_ms:.2f}", f"{row.forward_ms:.2f}", f"{row.post_ms:.2f}")
    return (str(row.batch), f"{row.median_ms:.2f}", f"{row.p99_ms:.2f}", f"{row.images_per_s:.1f}", copy, *stages)


def _roofline(roof: Roofline) -> list[str]:
    return [
        f"Roofline ({roof.device}, float32): {roof.runtime}'s matrix products"
        f" {roof.matrix_flops_per_s / 1e9:.0f} GFLOP/s, memory {roof.memory_bytes_per_s / 1e9:.1f} GB/s.",
        f"The model takes {roof.flops_per_image / 1e9:.2f} GFLOP and {roof.bytes_per_image / 1e6:.0f} MB a frame, so"
        f" {roof.bound} allow {roof.attainable_images_per_s:.1f} images/s; it reaches {roof.images_per_s:.1f},"
        f" {roof.fraction:.0%} of that{ABOVE_ALL if roof.fraction > 1.0 else ''}.",
    ]


def _transport(moved: Transport) -> list[str]:
    height, width = moved.shape
    heads = ("way", "GB/s", "frames/s", "hop p50 ms", "hop p99 ms")
    frame_bytes = height * width
    hop, copied = moved.hop, moved.zeromq_hop
    rows = [
        ("ring and bus", moved.bytes_per_s, f"{hop.p50_ms:.2f}", f"{hop.p99_ms:.2f}"),
        ("ZeroMQ, copying", moved.zeromq_bytes_per_s, f"{copied.p50_ms:.2f}", f"{copied.p99_ms:.2f}"),
        ("memcpy alone", moved.memcpy_bytes_per_s, "", ""),
    ]
    cells = [(name, f"{rate / 1e9:.2f}", f"{rate / frame_bytes:.0f}", *hops) for name, rate, *hops in rows]
    return [
        f"Transport: mono frames of {width} x {height} between two processes; hops at 100 frames/s.",
        *_table(heads, cells),
        f"{moved.over_memcpy:.2f} of memcpy, {moved.over_zeromq_copy:.1f} times ZeroMQ copying;"
        f" {moved.wakes_per_frame:.2f} wake-ups a frame.",
    ]


def _line(table: LineTable) -> list[str]:
    told = ["Line: capture, ring, inference, decision, ledger and gate as processes; trigger to gate in ms."]
    if table.saturation:
        found = table.saturation
        sizes = ", ".join(f"{count} of {size}" for size, count in found.batches.items())
        told.append(
            f"Saturated ({found.offered_hz:.1f} parts/s offered): {found.line_hz:.1f} verdicts/s, the bare engine"
            f" {found.engine_hz:.1f} in the same batches ({sizes}): {found.throughput_over_engine:.2f}."
        )
    heads = ("cameras", "parts/s, none late", "of parts", "p50", "p99", "worst", *_hop_names(table.rows))
    return [*told, *_table(heads, (_line_cells(row) for row in table.rows)), *_losses(table.rows)]


def _line_cells(row: CameraRow) -> tuple[str, ...]:
    if row.latency is None or row.highest_rate_hz is None:
        return (str(row.cameras), "none")
    most = " (cameras' limit)" if row.limited_by_cameras else ""
    times = (row.latency.p50_ms, row.latency.p99_ms, row.latency.worst_ms, *row.hops_ms.values())
    return (
        str(row.cameras),
        f"{row.highest_rate_hz:.1f}{most}",
        str(row.latency.count),
        *(f"{ms:.1f}" for ms in times),
    )


def _losses(rows: Sequence[CameraRow]) -> Iterable[str]:
    """Why the next higher rate, or the lowest that was tried, was too high."""
    for row in rows:
        failed = [trial for trial in row.tried if trial[1]]
        if failed:
            rate_hz, lost, parts, reasons = failed[-1]
            why = ", ".join(f"{count} {reason}" for reason, count in reasons.items())
            yield f"{row.cameras} at {rate_hz:.1f} parts/s: {lost} of {parts} without a verdict in time ({why})."


def _hop_names(rows: Sequence[CameraRow]) -> Sequence[str]:
    return next((tuple(row.hops_ms) for row in rows if row.hops_ms), ())


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Columns to the right, as Markdown has them too."""
    cells = [tuple(heads), *(tuple(row) + ("",) * (len(heads) - len(row)) for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(heads))]
    lines = [
        "| " + " | ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in cells
    ]
    return [lines[0], "|" + "|".join("-" * (width + 1) + ":" for width in widths) + "|", *lines[1:]]
