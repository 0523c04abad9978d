"""The accuracy of many models as a Markdown page: each product's mean and spread over the seeds, then each defect's."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import mean, stdev
from typing import Any

from line_inspector.training.accuracy import Failed, Measured

METRICS = ("image_auroc", "pixel_auroc", "aupro", "pixel_ap")
NAMES = ("image AUROC", "pixel AUROC", "AUPRO@0.3", "pixel AP")

EXPLANATION = """\
Every model saw good images only, and nothing of the test set; but defaults of the method were chosen with the test
sets of magnetic_tile and cookies in view (benchmarks.md). Measured by `line-inspector evaluate`'s own code: maps and
masks at the model's size, all figures 0 to 1, higher is better. Where several seeds were trained, the figures are their
mean ± the sample standard deviation. A dash: no mask marks a pixel.
"""


@dataclass(frozen=True)
class Circumstances:
    """Under which the figures were come by: the command as typed, the time it began, what it ran on and with."""

    command: str
    began_utc: str
    machine: str
    versions: dict[str, str]
    budget: str
    seeds: Sequence[int]


def as_page(outcomes: Sequence[Measured | Failed], circumstances: Circumstances, *, finished: bool) -> str:
    """The whole page; one that is written before the last model says so."""
    measured = [outcome for outcome in outcomes if isinstance(outcome, Measured)]
    failed = [outcome for outcome in outcomes if isinstance(outcome, Failed)]
    parts = ["# Accuracy", EXPLANATION, _circumstances(circumstances)]
    if not finished:
        parts.append(f"**Unfinished**: {len(measured)} models so far. The same command goes on.")
    parts += ["## Products", _product_table(measured), "## Defects", _defect_table(measured)]
    if failed:
        parts += ["## Failed", "\n".join(f"- {_name_of(failure)}: {failure.reason}" for failure in failed)]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def as_json(outcomes: Sequence[Measured | Failed], circumstances: Circumstances) -> dict[str, Any]:
    """The same as one document, with every seed's own figures."""
    measured = [outcome for outcome in outcomes if isinstance(outcome, Measured)]
    return {
        "circumstances": asdict(circumstances),
        "measured": [{**asdict(each), "evaluation": each.evaluation.as_json()} for each in measured],
        "failed": [asdict(outcome) for outcome in outcomes if isinstance(outcome, Failed)],
    }


def _circumstances(circumstances: Circumstances) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in circumstances.versions.items())
    return "\n".join(
        [
            f"- command: `{circumstances.command}`",
            f"- began: {circumstances.began_utc}",
            f"- machine: {circumstances.machine}",
            f"- versions: {versions}",
            f"- training: {circumstances.budget}; seeds {', '.join(map(str, circumstances.seeds))}",
            "",
        ]
    )


def _product_table(measured: Sequence[Measured]) -> str:
    header = ["product", "data set", "variant", "good images", "test images", *NAMES, "steps", "training"]
    rows = [_product_row(models) for models in _grouped(measured)]
    variants = list(dict.fromkeys(each.variant for each in measured))
    for variant in variants:
        groups = [models for models in _grouped(measured) if models[0].variant == variant]
        if len(groups) > 1:
            means = [_mean_of_means(groups, metric) for metric in METRICS]
            rows.append([f"**mean of {len(groups)}**", "", variant, "", "", *means, "", ""])
    return _table(header, rows)


def _product_row(models: Sequence[Measured]) -> list[str]:
    first, overall = models[0], models[0].evaluation.overall
    test = f"{overall.images - overall.defective} + {overall.defective}"
    steps = _range([each.steps for each in models])
    took = f"{mean(each.training_s for each in models):.0f} s"
    scores = [_spread([getattr(each.evaluation.overall, metric) for each in models]) for metric in METRICS]
    return [first.product, first.layout, first.variant, str(first.good_images), test, *scores, steps, took]


def _defect_table(measured: Sequence[Measured]) -> str:
    rows = []
    for models in _grouped(measured):
        for defect, scores in models[0].evaluation.per_defect.items():
            all_seeds = [each.evaluation.per_defect[defect] for each in models]
            images = f"{scores.defective}" + (f" ({scores.without_mask} without mask)" if scores.without_mask else "")
            cells = [_spread([getattr(each, metric) for each in all_seeds]) for metric in METRICS]
            rows.append([models[0].product, models[0].variant, defect, images, *cells])
    return _table(["product", "variant", "defect", "images", *NAMES], rows)


def _grouped(measured: Sequence[Measured]) -> list[list[Measured]]:
    """The models of one product and variant together, in the order in which they came."""
    groups: dict[tuple[str, str], list[Measured]] = {}
    for each in measured:
        groups.setdefault((each.product, each.variant), []).append(each)
    return list(groups.values())


def _mean_of_means(groups: Sequence[Sequence[Measured]], metric: str) -> str:
    values = [[getattr(each.evaluation.overall, metric) for each in models] for models in groups]
    means = [mean(present) for seeds in values if (present := [value for value in seeds if value is not None])]
    return f"**{mean(means):.3f}**" if means else "-"


def _spread(values: Sequence[float | None]) -> str:
    present = [value for value in values if value is not None]
    if not present:
        return "-"
    return f"{mean(present):.3f}" + (f" ± {stdev(present):.3f}" if len(present) > 1 else "")


def _range(values: Sequence[int]) -> str:
    return f"{min(values)}" if min(values) == max(values) else f"{min(values)} to {max(values)}"


def _name_of(failure: Failed) -> str:
    seed = "" if failure.seed is None else f", seed {failure.seed}"
    return f"{failure.product}, {failure.variant}{seed}"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines) + "\n"
