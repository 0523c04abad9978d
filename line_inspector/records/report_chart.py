"""The shift report as a picture: accepted and rejected parts over time, and the reasons."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from line_inspector.records.report import Report
from line_inspector.records.timeline import HOUR_NS, Span

WIDTH, MARGIN, PLOT_TOP, PLOT_HEIGHT, ROW_HEIGHT = 1000, 60, 110, 260, 30
INK, FAINT, ACCEPTED, REJECTED = "#1f2a33", "#8895a0", "#3a8f5c", "#c2281d"


def write_chart(path: Path, title: str, found: Report, spans: Sequence[Span], width_ns: int) -> None:
    """Writes a PNG. Raises OSError."""
    height = PLOT_TOP + PLOT_HEIGHT + 90 + ROW_HEIGHT * max(1, len(found.by_reason))
    image = Image.new("RGB", (WIDTH, height), "white")
    draw = ImageDraw.Draw(image)
    _write(draw, MARGIN, 24, title, 22)
    _write(draw, MARGIN, 60, found.headline, 18, INK if found.adds_up else REJECTED)
    for x, name, colour in ((WIDTH - 280, "accepted", ACCEPTED), (WIDTH - 150, "rejected", REJECTED)):
        draw.rectangle((x, 64, x + 16, 80), fill=colour)
        _write(draw, x + 24, 62, name, 16)
    _draw_spans(draw, spans, width_ns)
    _draw_reasons(draw, found)
    image.save(path, format="PNG")


def _draw_spans(draw: ImageDraw.ImageDraw, spans: Sequence[Span], width_ns: int) -> None:
    bottom = PLOT_TOP + PLOT_HEIGHT
    draw.line((MARGIN, bottom, WIDTH - MARGIN, bottom), fill=FAINT)
    if not spans:
        _write(draw, MARGIN, bottom + 8, "no parts", 15, FAINT)
        return
    most = max(span.accepted + span.rejected for span in spans) or 1
    step = (WIDTH - 2 * MARGIN) / len(spans)
    for index, span in enumerate(spans):
        left, right = MARGIN + index * step, MARGIN + (index + 0.85) * step
        split = bottom - span.rejected / most * PLOT_HEIGHT
        top = split - span.accepted / most * PLOT_HEIGHT
        if span.rejected:
            draw.rectangle((left, split, right, bottom - 1), fill=REJECTED)
        if span.accepted:
            draw.rectangle((left, top, right, split - 1), fill=ACCEPTED)
    _write(draw, 8, PLOT_TOP - 8, str(most), 15, FAINT)
    for index in range(0, len(spans), max(1, len(spans) // 6)):
        _write(draw, MARGIN + index * step, bottom + 8, _moment(spans[index].begin_wall_ns, width_ns), 15, FAINT)


def _draw_reasons(draw: ImageDraw.ImageDraw, found: Report) -> None:
    top = PLOT_TOP + PLOT_HEIGHT + 50
    longest = max(found.by_reason.values(), default=1)
    for reason, count in found.by_reason.items():
        _write(draw, MARGIN, top, reason, 16)
        end = 240 + (WIDTH - MARGIN - 320) * count / longest
        draw.rectangle((240, top + 2, end, top + 18), fill=REJECTED)
        _write(draw, end + 10, top, str(count), 16)
        top += ROW_HEIGHT
    if not found.by_reason:
        _write(draw, MARGIN, top, "no rejects", 16, FAINT)


def _write(draw: ImageDraw.ImageDraw, x: float, y: float, text: str, size_px: int, colour: str = INK) -> None:
    draw.text((x, y), text, fill=colour, font=ImageFont.load_default(size_px))


def _moment(wall_ns: int, width_ns: int) -> str:
    return f"{datetime.fromtimestamp(wall_ns / 1e9):{'%H:%M' if width_ns <= HOUR_NS else '%Y-%m-%d'}}"
