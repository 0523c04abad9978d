"""The demo's known defects: pictures with a defect that its model finds, put in now and then between the parts."""

from collections.abc import Iterator
from pathlib import Path

from line_inspector.cameras.defects import DEFECTS
from line_inspector.cameras.renderer import render
from line_inspector.config import ChallengeSettings, Line, SimulatedCamera
from line_inspector.images import Frame, list_images, read_image, write_png
from line_inspector.inference.engine import Finding
from line_inspector.inference.load import load_verified_engine
from line_inspector.simulation.scenes import GOOD

FOLDER = "known-defects"
KEPT = 3
CANDIDATES_PER_DEFECT = 3
FIRST_SEED = 9_000_000  # of parts that neither training nor world have
EVERY_MIN = 0.25


def with_challenges(line: Line) -> Line:
    """The line, with pictures of the clearest defects that its model in service finds, and challenges with them.

    As a site would choose them at commissioning. A line file that has challenges keeps its own; a model that finds
    nothing gets none.
    """
    if line.challenge:
        return line
    settings = ChallengeSettings(frames=line.data_dir / FOLDER, every_min=EVERY_MIN)
    challenged = line.model_copy(update={"challenge": settings})
    engine = load_verified_engine(line.current_model_path.resolve(), "cpu", max_batch_size=1)
    found_all = True
    for camera in line.cameras:
        scored = []
        for name, picture in _candidates(line, camera):
            (finding,) = engine.infer([picture])
            if isinstance(finding, Finding) and finding.score >= engine.threshold:
                scored.append((finding.score, name, picture))
        clearest = sorted(scored, key=lambda one: -one[0])[:KEPT]
        found_all = found_all and bool(clearest)
        for _, name, picture in clearest:
            folder = challenged.known_defects_dir(camera)
            assert folder
            folder.mkdir(parents=True, exist_ok=True)
            write_png(folder / f"{name}.png", picture)
    return challenged if found_all else line


def _candidates(line: Line, camera: str) -> Iterator[tuple[str, Frame]]:
    source = line.cameras[camera].source
    if line.simulation and line.simulation.images:
        yield from _photographed(line.simulation.images / "test")
    elif isinstance(source, SimulatedCamera):
        for defect in sorted(DEFECTS):
            for seed in range(FIRST_SEED, FIRST_SEED + CANDIDATES_PER_DEFECT):
                yield f"{defect}-{seed}", render(seed, defect, source.width_px, source.height_px)[0]


def _photographed(test: Path) -> Iterator[tuple[str, Frame]]:
    for folder in sorted(found for found in test.iterdir() if found.is_dir() and found.name != GOOD):
        for path in list_images(folder)[:CANDIDATES_PER_DEFECT]:
            yield f"{folder.name}-{path.stem}", read_image(path)
