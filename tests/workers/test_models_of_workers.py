"""Which model a line's workers inspect with: the line's own, to the byte, and none else."""

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from line_inspector.inference.load import load_verified_engine
from line_inspector.workers.line_model import GRACE_NS, LOOK_EVERY_NS, LineModel
from line_inspector.workers.model_id import NO_MODEL, ModelId, model_id
from line_inspector.workers.wanted_model import WantedModel


@pytest.fixture(scope="module")
def two_models(tmp_path_factory: pytest.TempPathFactory, write_tiny_model: Callable[..., Path]) -> Path:
    """The line's own versions one and two."""
    folder = tmp_path_factory.mktemp("models")
    for seed, version in enumerate(("one", "two")):
        write_tiny_model(folder / version, version=version, seed=seed)
    return folder


@pytest.fixture
def current(tmp_path: Path, two_models: Path) -> Path:
    """The link to the line's model in service, two."""
    return point(tmp_path / "current", two_models / "two")


def point(link: Path, folder: Path) -> Path:
    link.unlink(missing_ok=True)
    link.symlink_to(folder)
    return link


@pytest.fixture
def worker_models(tmp_path: Path) -> Path:
    """The worker's own models/<recipe>, empty."""
    folder = tmp_path / "worker" / "disc"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def wanted(worker_models: Path) -> Iterator[WantedModel]:
    model = WantedModel(worker_models, lambda folder: load_verified_engine(folder, "cpu"))
    yield model
    model.close()


def taken(wanted: WantedModel, patience_s: float = 15) -> ModelId | None:
    end_s = time.monotonic() + patience_s
    while time.monotonic() < end_s:
        if found := wanted.take():
            assert found[1].version == found[0].version
            return found[0]
        time.sleep(0.02)
    return None


def test_a_worker_waits_for_the_model_that_the_line_wants_and_takes_no_other(
    two_models: Path, worker_models: Path, wanted: WantedModel, caplog: pytest.LogCaptureFixture
) -> None:
    one, two = model_id(two_models / "one"), model_id(two_models / "two")
    assert two.version == "two"
    shutil.copytree(two_models / "one", worker_models / "one")
    wanted.want(two)
    assert taken(wanted, 0.6) is None
    assert f"copy it to {worker_models / 'two'}" in caplog.text
    shutil.copytree(two_models / "two", worker_models / "two")
    assert taken(wanted) == two
    wanted.want(one)
    assert taken(wanted) == one, "a rollback"


def test_another_model_under_the_same_name_is_not_taken(
    two_models: Path, worker_models: Path, wanted: WantedModel, write_tiny_model: Callable[..., Path]
) -> None:
    write_tiny_model(worker_models / "two", version="two", seed=9)
    wanted.want(model_id(two_models / "two"))
    assert taken(wanted, 1.0) is None


def test_a_copy_with_a_damaged_file_is_not_taken(two_models: Path, worker_models: Path, wanted: WantedModel) -> None:
    shutil.copytree(two_models / "two", worker_models / "two")
    weights = worker_models / "two" / "weights.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    wanted.want(model_id(two_models / "two"))
    assert taken(wanted, 1.5) is None


@pytest.mark.parametrize("version", ["../two", "", ".", "a/b", "/etc"])
def test_a_name_that_leads_elsewhere_is_not_followed(
    two_models: Path, worker_models: Path, wanted: WantedModel, version: str
) -> None:
    shutil.copytree(two_models / "two", worker_models.parent / "two")
    wanted.want(ModelId(version, model_id(two_models / "two").sha256))
    assert taken(wanted, 0.6) is None


def test_a_new_model_comes_into_service_with_the_first_worker_that_has_it(current: Path, two_models: Path) -> None:
    line = LineModel(current, 0)
    two = line.in_service
    assert two.version == "two"
    point(current, two_models / "one")
    one = model_id(two_models / "one")
    line.follow([two], LOOK_EVERY_NS)
    assert (line.wanted, line.in_service) == (one, two)
    line.follow([two, one], LOOK_EVERY_NS + 1)
    assert line.in_service == one


def test_a_model_that_no_worker_ever_gets_ends_the_service_of_the_old_one(current: Path, two_models: Path) -> None:
    line = LineModel(current, 0)
    two = line.in_service
    point(current, two_models / "one")
    line.follow([two], LOOK_EVERY_NS)
    line.follow([two], LOOK_EVERY_NS + GRACE_NS)
    assert line.in_service == two
    line.follow([two], LOOK_EVERY_NS + GRACE_NS + 1)
    assert line.in_service == model_id(two_models / "one"), "from now on every part is wrong_model"


def test_a_line_without_a_model_takes_the_first_one_at_once(tmp_path: Path, two_models: Path) -> None:
    line = LineModel(tmp_path / "current", 0)
    assert line.in_service == NO_MODEL
    line.follow([], LOOK_EVERY_NS)
    assert line.in_service == NO_MODEL
    point(tmp_path / "current", two_models / "one")
    line.follow([], 2 * LOOK_EVERY_NS)
    assert line.in_service == model_id(two_models / "one")
