"""Hot swap: a sound new model is handed over, a broken one stays out with one log line, and nothing is tried twice."""

import hashlib
import json
import logging
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from line_inspector.errors import InputError
from line_inspector.inference.engine import Engine
from line_inspector.inference.load import load_verified_engine
from line_inspector.inference.swap import ModelWatch

PERIOD_S = 0.02
PATIENCE_S = 30.0


def point(current: Path, folder: Path) -> None:
    link = current.with_name(".new")
    link.symlink_to(folder.name)
    link.replace(current)


def wait_for(ready: Callable[[], object]) -> object:
    end_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < end_s:
        if result := ready():
            return result
        time.sleep(PERIOD_S)
    raise AssertionError(f"nothing happened in {PATIENCE_S} s")


class CountingLoad:
    """Loads for real, and counts."""

    def __init__(self) -> None:
        self.folders: list[str] = []

    def __call__(self, folder: Path) -> Engine:
        self.folders.append(folder.name)
        return load_verified_engine(folder, "cpu")


@pytest.fixture
def recipe(tmp_path: Path, write_tiny_model: Callable[..., Path]) -> Path:
    """v1 in service, v2 beside it."""
    write_tiny_model(tmp_path / "v1", version="v1", seed=1)
    write_tiny_model(tmp_path / "v2", version="v2", seed=2)
    point(tmp_path / "current", tmp_path / "v1")
    return tmp_path


@pytest.fixture
def load() -> CountingLoad:
    return CountingLoad()


@pytest.fixture
def watch(recipe: Path, load: CountingLoad) -> ModelWatch:
    watch = ModelWatch(recipe / "current", recipe / "v1", load, PERIOD_S)
    yield watch
    watch.close()


def test_while_nothing_changes_nothing_is_loaded(watch: ModelWatch, load: CountingLoad) -> None:
    time.sleep(10 * PERIOD_S)
    assert watch.take() is None
    assert load.folders == []


def test_a_new_model_is_handed_over_once_and_a_rollback_too(
    watch: ModelWatch, load: CountingLoad, recipe: Path
) -> None:
    point(recipe / "current", recipe / "v2")
    assert wait_for(watch.take).version == "v2"
    time.sleep(10 * PERIOD_S)
    assert watch.take() is None
    point(recipe / "current", recipe / "v1")
    assert wait_for(watch.take).version == "v1"
    assert load.folders == ["v2", "v1"]


def test_a_broken_model_stays_out_with_one_line_and_is_not_tried_again(
    watch: ModelWatch, load: CountingLoad, recipe: Path, caplog: pytest.LogCaptureFixture
) -> None:
    weights = recipe / "v2" / "weights.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with caplog.at_level(logging.ERROR):
        point(recipe / "current", recipe / "v2")
        wait_for(lambda: caplog.records)
        time.sleep(10 * PERIOD_S)
    assert watch.take() is None
    assert load.folders == ["v2"]
    (record,) = caplog.records
    assert "v2 stays out" in record.getMessage() and "sha256" in record.getMessage()
    assert "\n" not in record.getMessage()


def test_after_a_broken_model_the_next_sound_one_is_taken(
    watch: ModelWatch, recipe: Path, write_tiny_model: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    (recipe / "v2" / "golden" / "00.png").unlink()
    with caplog.at_level(logging.ERROR):
        point(recipe / "current", recipe / "v2")
        wait_for(lambda: caplog.records)
    write_tiny_model(recipe / "v3", version="v3", seed=3)
    point(recipe / "current", recipe / "v3")
    assert wait_for(watch.take).version == "v3"


def test_rolled_back_before_it_was_taken_a_model_is_not_handed_over(
    watch: ModelWatch, load: CountingLoad, recipe: Path
) -> None:
    point(recipe / "current", recipe / "v2")
    wait_for(lambda: load.folders)
    time.sleep(1.0)  # ready by now, or nearly so
    point(recipe / "current", recipe / "v1")
    time.sleep(1.0)
    assert watch.take() is None


def test_taking_never_waits_for_a_load(recipe: Path) -> None:
    entered, release = threading.Event(), threading.Event()

    def stuck(folder: Path) -> Engine:
        entered.set()
        release.wait(PATIENCE_S)
        return load_verified_engine(folder, "cpu")

    watch = ModelWatch(recipe / "current", recipe / "v1", stuck, PERIOD_S)
    point(recipe / "current", recipe / "v2")
    assert entered.wait(PATIENCE_S)
    assert watch.take() is None  # comes back although the load is stuck
    release.set()
    assert wait_for(watch.take).version == "v2"
    watch.close()


def test_a_link_that_is_gone_leaves_the_old_model_in_service(
    watch: ModelWatch, load: CountingLoad, recipe: Path
) -> None:
    (recipe / "current").unlink()
    time.sleep(5 * PERIOD_S)
    assert watch.take() is None
    point(recipe / "current", recipe / "v2")
    assert wait_for(watch.take).version == "v2"


def test_the_first_model_of_a_recipe_is_taken_when_it_comes(tmp_path: Path, recipe: Path, load: CountingLoad) -> None:
    watch = ModelWatch(recipe / "later", recipe / "later", load, PERIOD_S)
    time.sleep(5 * PERIOD_S)
    point(recipe / "later", recipe / "v2")
    assert wait_for(watch.take).version == "v2"
    watch.close()


def test_it_yields_to_inference_once_there_is_some(recipe: Path) -> None:
    niceness: list[int] = []

    def note(folder: Path) -> Engine:
        niceness.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
        return load_verified_engine(folder, "cpu")

    own = os.getpriority(os.PRIO_PROCESS, 0)
    watch = ModelWatch(recipe / "later", recipe / "later", note, PERIOD_S)
    for version in ("v1", "v2"):
        point(recipe / "later", recipe / version)
        wait_for(watch.take)
    watch.close()
    assert niceness == [own, 19]


def test_golden_frames_that_score_otherwise_keep_a_model_out(recipe: Path) -> None:
    """The scores were changed and everything signed anew: only the replay can notice."""
    folder = recipe / "v2"
    scores = json.loads((folder / "golden" / "scores.json").read_text())
    scores["01.png"] += 0.05
    (folder / "golden" / "scores.json").write_text(json.dumps(scores))
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"]["golden/scores.json"] = sha256(folder / "golden" / "scores.json")
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / "manifest.sha256").write_text(f"{sha256(folder / 'manifest.json')}  manifest.json\n")
    with pytest.raises(InputError, match="golden frame 1 scores"):
        load_verified_engine(folder, "cpu")


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
