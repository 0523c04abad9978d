"""What a demo does: checks everything, trains, runs the line, sums up."""

import json
import sys
import time
import webbrowser
from dataclasses import asdict
from pathlib import Path

from line_inspector.cameras.dataset import write_dataset
from line_inspector.commands.config_startable import require_startable
from line_inspector.commands.demo_challenges import with_challenges
from line_inspector.commands.demo_folder import claimed, empty
from line_inspector.commands.demo_line import read_demo_line, write_line_file
from line_inspector.commands.demo_words import in_words
from line_inspector.config import Line
from line_inspector.errors import InputError
from line_inspector.inference.choice import line_exports
from line_inspector.overlay.server import address, listen
from line_inspector.records.reading import read_challenges, read_parts
from line_inspector.records.report import challenge_counts
from line_inspector.runtime import logging_to_stderr
from line_inspector.simulation.record import BinnedPart, read_world_record
from line_inspector.simulation.summary import summary
from line_inspector.stop_flag import StopFlag
from line_inspector.supervisor import Supervised, Supervisor, stop_signals
from line_inspector.training.budget import Budget
from line_inspector.training.good_frames import GoodFrames, read_good_folder
from line_inspector.training.model_training import train_model
from line_inspector.training.options import TrainingOptions
from line_inspector.training.progress import show_progress
from line_inspector.training.promise import promise_for
from line_inspector.training.registry import Registry

RENDERED_PARTS = 160  # of which 49 promise at most 2 % false rejects
TRAINING_SEED = 1  # the world's seed is 0 unless told otherwise, so that no part on the belt was trained on
START_PATIENCE_S = 120.0
PAGE_PATIENCE_S = 20.0
STATUS_EVERY_S = 10.0
OPTIONS = TrainingOptions()


def show(
    line_file: Path, images: Path | None, *, minutes: float, seconds: float, headless: bool, as_json: bool
) -> bool:
    """Runs the demo and prints its summary; False when it was told to stop before the first part came.

    Nothing is emptied or trained before all input is known to be good. Raises InputError, and KeyboardInterrupt as
    long as no station has been started.
    """
    line = read_demo_line(line_file, images)
    assert line.simulation
    good = _read_good(images or line.simulation.images) if line.simulation.images else None
    with claimed(line):
        require_startable(line)
        listen(line.overlay.host, line.overlay.port).close()
        empty(line)
        training_seconds = _train(line, good or _read_good(_render_parts(line)), minutes)
        line = with_challenges(line)
        with stop_signals() as stop, logging_to_stderr("demo"):
            line, page = _with_port(line)
            path = write_line_file(line)
            _run_line(line, path, page, seconds, headless, stop)
            parts = list(read_world_record(line.world_record_path)) if line.world_record_path.exists() else []
            if stop.is_set and not parts:
                return False
            _sum_up(line, path, parts, training_seconds, as_json)
    return True


def _read_good(dataset: Path) -> GoodFrames:
    return read_good_folder(dataset / "train" / "good", OPTIONS.architecture.image_size_px)


def _render_parts(line: Line) -> Path:
    _say("Rendering pictures of good parts ...")
    folder = line.data_dir / "parts"
    write_dataset(folder, RENDERED_PARTS, good_test=0, per_defect=0, size_px=256, seed=TRAINING_SEED)
    return folder


def _train(line: Line, good: GoodFrames, minutes: float) -> float:
    """Trains on the good parts and puts the model into service; returns the seconds it took."""
    _say(f"Training on {len(good)} pictures of {good.paths[0].parent} for {minutes:g} minutes ...")
    started_s = time.monotonic()
    trained = line.data_dir / "trained"
    remark = promise_for(len(good), OPTIONS.false_reject_rate, OPTIONS.outlined_share).remark
    with show_progress(remark) as on_progress:
        train_model(good, trained, OPTIONS, Budget(seconds=60 * minutes), on_progress=on_progress)
    _say("Proving the model and bringing it into service ...")
    Registry(line.registry_dir, line.recipe, exports=line_exports(line, line.recipe)).publish(trained)
    return time.monotonic() - started_s


def _with_port(line: Line) -> tuple[Line, str]:
    """The line with a port that is free now if it left the choice, and the page's address."""
    if line.overlay.port:
        host = line.overlay.host
        return line, f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{line.overlay.port}"
    with listen(line.overlay.host, 0) as listener:
        port: int = listener.getsockname()[1]
        overlay = line.overlay.model_copy(update={"port": port})
        return line.model_copy(update={"overlay": overlay}), address(listener)


def _run_line(line: Line, path: Path, page: str, seconds: float, headless: bool, stop: StopFlag) -> None:
    supervisor = Supervisor(line, path, with_world=False, log_file=line.data_dir / "line.log")
    world: list[Supervised] = []
    try:
        if _start(supervisor, line, stop):
            _show_page(supervisor, page, headless, stop)
        if not stop.is_set:
            world.append(supervisor.start_world(path, "--seconds", str(seconds)))
            _watch_world(supervisor, world[0], stop)
        if stop.is_set:
            _say("Stopping the line ...")
    finally:
        supervisor.stop(world)


def _start(supervisor: Supervisor, line: Line, stop: StopFlag) -> bool:
    """Whether every station that parts need serves now; False when told to stop. Raises InputError for one dead."""
    _say("Starting the stations ...")
    needed = {"decision", "inference", *(f"capture.{camera}" for camera in line.cameras)}
    if supervisor.tend_until(lambda: needed <= supervisor.alive.keys(), START_PATIENCE_S, stop):
        return True
    if stop.is_set:
        return False
    missing = ", ".join(sorted(needed - supervisor.alive.keys()))
    raise InputError(f"did not start: {missing}", "line", f"Read {line.data_dir / 'line.log'}")


def _show_page(supervisor: Supervisor, page: str, headless: bool, stop: StopFlag) -> None:
    """The line runs without its page as well."""
    if supervisor.tend_until(lambda: "overlay" in supervisor.alive, PAGE_PATIENCE_S, stop):
        _say(page)
        if not headless:
            webbrowser.open(page)
    elif not stop.is_set:
        _say("The operators' page does not come up; the line runs without it.")


def _watch_world(supervisor: Supervisor, world: Supervised, stop: StopFlag) -> None:
    """Until the world has ended by itself or is told to stop. Raises InputError when it fails."""
    while not stop.is_set:
        if supervisor.tend_until(lambda: not world.running, STATUS_EVERY_S, stop):
            break
        counters = supervisor.alive["decision"].counters
        _say(f"{counters.get('accepted', 0)} parts accepted, {counters.get('rejected', 0)} rejected so far")
    code = world.process.poll() if world.process else None
    if code:
        raise supervisor.failure(world, code)


def _sum_up(line: Line, path: Path, parts: list[BinnedPart], training_seconds: float, as_json: bool) -> None:
    told = summary(parts, read_parts(line.ledger_url))
    challenges = challenge_counts(read_challenges(line.ledger_url))
    if as_json:
        print(json.dumps({**asdict(told), "challenges": challenges, "training_seconds": round(training_seconds, 1)}))
    else:
        print(in_words(told, line, path, challenges))


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
