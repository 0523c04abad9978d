"""ADPS beside its peers: the same images, backbone weights and evaluator; prints a Markdown table, writes JSON.

    python tests/benchmarks/peers.py ../shared/data/magnetic_tile ../shared/data/cookies --seeds 0 1 2 \
        --adps run/peers --adps-minutes 10 --stfpm-minutes 10 --threads 2 --json peers.json

anomalib's PatchCore and STFPM learn from all good images of each product in a venv of their own, which is made where
there is none yet (--venv, some 6 GB): anomalib is no dependency of this package. peers_anomalib.py says how they are
trained and scored. With --adps-minutes, ADPS is trained and measured by `line-inspector benchmark-accuracy`, which
knows which images of a product are to be learned from in every layout, and keeps its models in FOLDER (--adps). Without
it, every model directory FOLDER/<product>/* is measured by `line-inspector evaluate`. Everything is at 256 x 256, and
by the same code as `evaluate`. The machine should be quiet.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
ANOMALIB = "anomalib==2.7.0"
METRICS = ("image_auroc", "pixel_auroc", "aupro", "pixel_ap")
LEARNED = ("seed", "training_s", "good_images", "steps")
LINE_INSPECTOR = (sys.executable, "-m", "line_inspector")
HEADER = ("product", "method", "runs", "training", "defect", "image AUROC", "pixel AUROC", "AUPRO@0.3", "pixel AP")

Run = dict[str, Any]  # what `evaluate --json` prints, and training_s


def main() -> None:
    """Measure every method on every product; a row is printed as soon as it is known."""
    arguments = parsed()
    results = []
    print(row(HEADER), row(["---"] * len(HEADER)), sep="\n", flush=True)
    for product in arguments.products:
        for method, runs in measured(product.resolve(), arguments):
            results.append({"product": product.resolve().name, "method": method, "runs": runs})
            print(*table_rows(results[-1]), sep="\n", flush=True)
            if arguments.json:
                arguments.json.write_text(json.dumps(results, indent=2))


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("products", type=Path, nargs="+", help="folders, each of one product")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--bank", type=int, default=15_000, help="vectors of PatchCore's bank at most; 0 leaves it out")
    parser.add_argument("--stfpm-minutes", type=float, default=0.0, help="of each training; 0 leaves STFPM out")
    parser.add_argument("--adps", type=Path, help="folder of folders of model directories, by product")
    parser.add_argument("--adps-minutes", type=float, default=0.0, help="train ADPS for as long; 0 only measures")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--venv", type=Path, default=Path(".venv-peers"))
    parser.add_argument("--json", type=Path, help="file for every run's figures")
    arguments = parser.parse_args()
    if arguments.adps_minutes and not arguments.adps:
        parser.error("--adps-minutes needs --adps FOLDER, where the models are kept")
    return arguments


def measured(product: Path, arguments: argparse.Namespace) -> Iterator[tuple[str, list[Run]]]:
    if arguments.bank:
        options = ["--bank", arguments.bank]
        yield "PatchCore", [peer(product, "PatchCore", seed, options, arguments) for seed in arguments.seeds]
    if arguments.stfpm_minutes:
        options = ["--minutes", arguments.stfpm_minutes]
        yield "STFPM", [peer(product, "STFPM", seed, options, arguments) for seed in arguments.seeds]
    if arguments.adps:
        runs = trained_adps(product, arguments) if arguments.adps_minutes else found_adps(product, arguments)
        if runs:
            yield "ADPS", runs


def peer(product: Path, method: str, seed: int, options: Sequence[object], arguments: argparse.Namespace) -> Run:
    script = Path(__file__).with_name("peers_anomalib.py")
    command = [venv_python(arguments.venv), script, product, method, "--seed", seed, *options]
    return json.loads(output_of([*command, "--threads", arguments.threads], arguments.threads).splitlines()[-1])


def trained_adps(product: Path, arguments: argparse.Namespace) -> list[Run]:
    arguments.adps.mkdir(parents=True, exist_ok=True)
    page = arguments.adps / f"{product.name}.md"
    seeds = ",".join(map(str, arguments.seeds))
    command = [*LINE_INSPECTOR, "benchmark-accuracy", product, "--work", arguments.adps, "--out", page, "--json"]
    command += ["--minutes", arguments.adps_minutes, "--seeds", seeds, "--threads", arguments.threads]
    models = json.loads(output_of(command, arguments.threads))["measured"]
    return [{**{key: model[key] for key in LEARNED}, **model["evaluation"]} for model in models]


def found_adps(product: Path, arguments: argparse.Namespace) -> list[Run]:
    runs = []
    for manifest in sorted((arguments.adps / product.name).glob("*/manifest.json")):
        command = [*LINE_INSPECTOR, "evaluate", manifest.parent, product, "--json"]
        lineage = json.loads(manifest.read_text())["lineage"]
        learned = {"seed": lineage["seed"], "training_s": lineage["seconds"]}
        learned |= {"good_images": lineage["images"], "steps": lineage["steps"]}
        runs.append(learned | json.loads(output_of(command, arguments.threads)))
    return runs


def venv_python(venv: Path) -> Path:
    """The Python of the venv that has anomalib and this package; made and filled where it does not yet."""
    python = venv.absolute() / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    has_both = "import sys; from importlib.util import find_spec as f; sys.exit(not (f('anomalib') and f('timm')))"
    if subprocess.run([python, "-c", has_both], check=False).returncode:
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--editable", ROOT, ANOMALIB], check=True)
    return python


def output_of(command: Sequence[object], threads: int) -> str:
    """Run this working tree's code, offline: a peer that asked a hub for other weights would fail."""
    settings = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": str(threads), "HF_HUB_OFFLINE": "1"}
    words = [str(word) for word in command]
    return subprocess.run(words, env=os.environ | settings, stdout=subprocess.PIPE, text=True, check=True).stdout


def table_rows(result: dict[str, Any]) -> list[str]:
    runs: list[Run] = result["runs"]
    training = f"{mean(run['training_s'] for run in runs):.0f} s"
    lines = []
    for defect in ["all", *runs[0]["per_defect"]]:
        scores = [run if defect == "all" else run["per_defect"][defect] for run in runs]
        cells = [spread([each[metric] for each in scores]) for metric in METRICS]
        lines.append(row([result["product"], result["method"], str(len(runs)), training, defect, *cells]))
    return lines


def spread(values: Sequence[float | None]) -> str:
    """Mean and sample standard deviation over the seeds."""
    known = [value for value in values if value is not None]
    if not known:
        return "-"
    return f"{mean(known):.3f}" + (f" ± {stdev(known):.3f}" if len(known) > 1 else "")


def row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
