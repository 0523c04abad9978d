"""The report of a training: one HTML page that stands on its own and travels inside the model directory."""

import html
from collections.abc import Iterable, Sequence
from typing import Any

from line_inspector.training.chart import Bars, Line, histogram, line_chart
from line_inspector.training.history import History
from line_inspector.training.operating_points import operating_points
from line_inspector.training.outcome import Outcome, warnings
from line_inspector.training.report_pictures import answers, forged_samples
from line_inspector.training.report_style import STYLE

BINS = 40
GOOD, FORGED, OTHER = "#2166ac", "#e08214", "#3a8f5c"


def report_page(outcome: Outcome) -> bytes:
    """The whole page, UTF-8."""
    title = f"Training report: {html.escape(outcome.name)}"
    body = [
        f"<h1>{title}</h1>",
        f'<p class="promise">{html.escape(_capital(outcome.calibration.sentence()))}.</p>',
        _warnings(warnings(outcome)),
        _cards(outcome),
        _section("How it learned", _course(outcome)),
        _section("Good parts and forged defects", _scores(outcome)),
        _section("At other false-reject rates", _operating_points(outcome)),
        _section("What it learned from", _samples(outcome)),
        _section("What it answers", _answers(outcome)),
        _section("The record", _record(outcome)),
    ]
    head = f'<meta charset="utf-8"><title>{title}</title><style>{STYLE}</style>'
    return f'<!doctype html>\n<html lang="en"><head>{head}</head><body>{"".join(body)}</body></html>\n'.encode()


def _warnings(found: Sequence[str]) -> str:
    if not found:
        return '<p class="fine">Nothing speaks against this model so far. Try it on real defects all the same.</p>'
    items = "".join(f"<li>{html.escape(text)}</li>" for text in found)
    return f'<div class="warnings"><h2>Before you use it</h2><ul>{items}</ul></div>'


def _cards(outcome: Outcome) -> str:
    mark, split = outcome.fitted.mark, outcome.split
    good = sum(score >= outcome.calibration.threshold for score in outcome.good_scores)
    cards = [
        ("forged image AUROC", f"{mark.image_auroc:.3f}", "1 is perfect, 0.5 is chance"),
        ("forged pixel AP", f"{mark.pixel_ap:.3f}", "how well the outline is found"),
        ("forged defects found", f"{len(outcome.forged_scores) - outcome.missed} of {len(outcome.forged_scores)}", ""),
        ("held-out good rejected", f"{good} of {len(outcome.good_scores)}", "of the pictures that set the threshold"),
        ("learned from", f"{len(split.train)} pictures", f"each {outcome.epochs:.1f} times"),
        ("held out", f"{len(split.choice)} + {len(split.calibration)}", "choose the checkpoint + set the threshold"),
    ]
    drawn = (f"<div><b>{value}</b><span>{name}</span><small>{note}</small></div>" for name, value, note in cards)
    return f'<div class="cards">{"".join(drawn)}</div>'


def _course(outcome: Outcome) -> str:
    history = outcome.fitted.history
    looks = history.looks
    marks = [
        Line("image AUROC", GOOD, [(look.step, look.mark.image_auroc) for look in looks], dots=True),
        Line("pixel AP", FORGED, [(look.step, look.mark.pixel_ap) for look in looks], dots=True),
    ]
    rate = Line("learning rate", OTHER, [(point.step, point.learning_rate) for point in history.points])
    charts = [
        ("Loss", line_chart(_losses(history), "step")),
        ("Learning rate", line_chart([rate], "step")),
        ("Looks at forged held-out images", line_chart(marks, "step", (0.0, 1.05))),
    ]
    best = (
        f"Kept: the model of step {outcome.fitted.best_step}, the best of {len(looks)} looks. A look takes held-out"
        " pictures of good parts, as they are and with defects forged on them, which were never learned from. Image"
        " AUROC says how well it tells whole pictures apart, pixel AP how well it finds the outline; a look counts by"
        " the mean of both."
    )
    return _charts(charts, best)


def _losses(history: History) -> list[Line]:
    smoothed, value = [], history.points[0].loss if history.points else 0.0
    for point in history.points:
        value = 0.9 * value + 0.1 * point.loss
        smoothed.append((float(point.step), value))
    single = [(point.step, point.loss) for point in history.points]
    return [Line("single", GOOD, single, faint=True), Line("loss, smoothed", GOOD, smoothed)]


def _scores(outcome: Outcome) -> str:
    groups = [
        Bars(f"{len(outcome.good_scores)} held-out good parts", GOOD, outcome.good_scores),
        Bars(f"{len(outcome.forged_scores)} forged defects", FORGED, outcome.forged_scores),
    ]
    threshold = outcome.calibration.threshold
    chart = histogram(groups, BINS, "score", threshold, f"threshold {threshold:.3f}")
    return _charts(
        [("Share of pictures by score", chart)],
        "A part is rejected from the threshold on, to the right of the line. Good parts belong to its left, defects"
        " to its right; where the two overlap, the model cannot tell. Real defects may be easier or harder than forged"
        " ones.",
    )


def _operating_points(outcome: Outcome) -> str:
    promised, forged = outcome.calibration.false_reject_rate, outcome.forged_scores
    rows = [
        (
            f"{point.false_reject_rate:.2%}{' (promised)' if point.false_reject_rate == promised else ''}",
            f"rejected above {point.level:.3f}; {point.found} of {len(forged)} forged defects found",
        )
        for point in operating_points(outcome.good_scores, forged, promised)
    ]
    explained = (
        "What the limit for another rate would find, on the same pictures. A laxer promise sends more good parts to the"
        " reject bin, and fewer defects past it. To change it, train again with --false-reject-rate."
    )
    return f'<p>{explained}</p><div class="tables">{_table("Good parts rejected at most", rows)}</div>'


def _samples(outcome: Outcome) -> str:
    source = html.escape(str(outcome.lineage["texture_source"]))
    return f"<p>Defects forged on good parts, outlined. Made of: {source}.</p>{_figures(forged_samples(outcome))}"


def _answers(outcome: Outcome) -> str:
    explained = (
        "Forged defects on held-out parts, the hardest first, and last the good parts with the highest scores. From the"
        " left: the picture with the forged defect outlined in green; the model's map; what is outlined if the part is"
        " rejected."
    )
    return f"<p>{explained}</p>{_figures(answers(outcome))}"


def _record(outcome: Outcome) -> str:
    lineage = dict(outcome.lineage)
    options: dict[str, Any] = lineage.pop("options")
    versions: dict[str, Any] = lineage.pop("versions")
    looks = [
        (f"step {look.step}", f"image AUROC {look.mark.image_auroc:.4f}, pixel AP {look.mark.pixel_ap:.4f}")
        for look in outcome.fitted.history.looks
    ]
    tables = [
        _table("Lineage", [*lineage.items(), *versions.items()]),
        _table("Options", options.items()),
        _table("Calibration", outcome.calibration.as_record().items()),
        _table("Looks", looks),
    ]
    return f'<div class="tables">{"".join(tables)}</div>'


def _table(title: str, rows: Iterable[tuple[str, Any]]) -> str:
    cells = "".join(f"<tr><th>{html.escape(name)}</th><td>{_cell(value)}</td></tr>" for name, value in rows)
    return f"<table><caption>{title}</caption>{cells}</table>"


def _cell(value: Any) -> str:
    return "&ndash;" if value is None else html.escape(f"{value:.6g}" if isinstance(value, float) else str(value))


def _section(title: str, content: str) -> str:
    return f"<section><h2>{title}</h2>{content}</section>"


def _charts(charts: Iterable[tuple[str, str]], explained: str) -> str:
    drawn = "".join(f"<figure><figcaption>{title}</figcaption>{chart}</figure>" for title, chart in charts)
    return f'<div class="charts">{drawn}<p>{explained}</p></div>'


def _figures(pictures: Iterable[tuple[str, str]]) -> str:
    """Pictures as data URIs, each with what stands below it."""
    drawn = "".join(
        f'<figure><img src="{uri}" alt=""><figcaption>{html.escape(text)}</figcaption></figure>'
        for uri, text in pictures
    )
    return f'<div class="pictures">{drawn}</div>'


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]
