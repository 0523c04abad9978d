"""Small charts as SVG, for pages that must stand on their own: no script, no file beside them, no network."""

import html
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 520, 250
LEFT, RIGHT, TOP, BOTTOM = 56, 14, 34, 44
INK, GRID = "#44505c", "#e3e8ed"


@dataclass(frozen=True)
class Line:
    """One curve; `faint` is for what lies behind the others and needs no entry in the legend."""

    name: str
    colour: str
    points: Sequence[tuple[float, float]]
    faint: bool = False
    dots: bool = False


@dataclass(frozen=True)
class Bars:
    """One group of values, drawn as the share of them in each bin."""

    name: str
    colour: str
    values: Sequence[float]


@dataclass(frozen=True)
class _Frame:
    """Maps values to pixels of the drawing area."""

    x_range: tuple[float, float]
    y_range: tuple[float, float]

    def x(self, value: float) -> float:
        low, high = self.x_range
        return LEFT + (value - low) / (high - low) * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        low, high = self.y_range
        return HEIGHT - BOTTOM - (value - low) / (high - low) * (HEIGHT - TOP - BOTTOM)


def line_chart(
    lines: Sequence[Line], x_title: str, y_range: tuple[float, float] | None = None, whole_x: bool = True
) -> str:
    """Curves over a common axis; without `y_range`, from 0 to a little above the highest point."""
    points = [point for line in lines for point in line.points]
    if not points:
        return _svg(_text(WIDTH / 2, HEIGHT / 2, "nothing to show", "middle"))
    highest = max(y for _, y in points)
    x_range = _widened(min(x for x, _ in points), max(x for x, _ in points))
    frame = _Frame(x_range, y_range or (0.0, 1.08 * highest if highest > 0 else 1.0))
    curves = [_curve(frame, line) for line in lines]
    legend = _legend([(line.name, line.colour) for line in lines if not line.faint])
    return _svg(*_axes(frame, x_title, whole_x), *curves, *legend)


def histogram(groups: Sequence[Bars], bins: int, x_title: str, mark: float, mark_name: str) -> str:
    """Each group's distribution, in bins over their common range, and a marked value in it."""
    values = [value for bars in groups for value in bars.values]
    low, high = _widened(min([*values, mark]), max([*values, mark]))
    low, high = low - 0.03 * (high - low), high + 0.03 * (high - low)
    shares = [_shares(bars.values, low, high, bins) for bars in groups]
    frame = _Frame((low, high), (0.0, 1.1 * max([0.1, *(max(share) for share in shares)])))
    drawn = [_drawn_bars(frame, bars.colour, share) for bars, share in zip(groups, shares, strict=True)]
    at = frame.x(mark)
    line = f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}" stroke="#c2281d" stroke-width="2"/>'
    side = ("end", -6) if at > WIDTH / 2 else ("start", 6)
    name = _text(at + side[1], TOP + 12, mark_name, side[0], "#c2281d")
    return _svg(*_axes(frame, x_title, False), *drawn, line, name, *_legend([(b.name, b.colour) for b in groups]))


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Round numbers from `low` to `high`: steps of 1, 2 or 5 times a power of ten."""
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [n * step for n in range(first, math.floor(high / step + 1e-9) + 1)]


def _widened(low: float, high: float) -> tuple[float, float]:
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _shares(values: Sequence[float], low: float, high: float, bins: int) -> list[float]:
    counts = [0] * bins
    for value in values:
        counts[min(bins - 1, int((value - low) / (high - low) * bins))] += 1
    return [count / max(1, len(values)) for count in counts]


def _drawn_bars(frame: _Frame, colour: str, shares: Sequence[float]) -> str:
    low, high = frame.x_range
    width = (high - low) / len(shares)
    boxes = []
    for index, share in enumerate(shares):
        if share:
            left, top = frame.x(low + index * width), frame.y(share)
            right = frame.x(low + (index + 1) * width)
            boxes.append(
                f'<rect x="{left:.1f}" y="{top:.1f}" width="{right - left - 1:.1f}" height="{frame.y(0) - top:.1f}"/>'
            )
    return f'<g fill="{colour}" fill-opacity="0.6">{"".join(boxes)}</g>'


def _curve(frame: _Frame, line: Line) -> str:
    places = [(frame.x(x), frame.y(y)) for x, y in line.points]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    look = 'stroke-width="1" stroke-opacity="0.3"' if line.faint else 'stroke-width="2"'
    drawn = f'<polyline points="{path}" fill="none" stroke="{line.colour}" {look}/>'
    if line.dots or len(places) == 1:
        drawn += "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{line.colour}"/>' for x, y in places)
    return drawn


def _axes(frame: _Frame, x_title: str, whole_x: bool) -> Iterator[str]:
    bottom = HEIGHT - BOTTOM
    for value in ticks(*frame.y_range, most=5):
        y = frame.y(value)
        yield f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="{GRID}"/>'
        yield _text(LEFT - 7, y + 4, f"{value:.6g}", "end")
    for value in ticks(*frame.x_range):
        if not whole_x or value == round(value):
            yield _text(frame.x(value), bottom + 17, f"{value:.6g}", "middle")
    yield f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{bottom}" y2="{bottom}" stroke="{INK}"/>'
    yield _text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, x_title, "middle")


def _legend(entries: Sequence[tuple[str, str]]) -> Iterator[str]:
    x = float(LEFT)
    for name, colour in entries:
        yield f'<rect x="{x:.0f}" y="9" width="12" height="12" rx="2" fill="{colour}"/>'
        yield _text(x + 17, 19, name, "start")
        x += 34 + 7 * len(name)


def _text(x: float, y: float, text: str, anchor: str, colour: str = INK) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">{html.escape(text)}</text>'


def _svg(*parts: str) -> str:
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img">{"".join(parts)}</svg>'
