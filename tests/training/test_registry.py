"""The registry: versions come in whole, `current` always leads to a sound one, and a killed process leaves nothing."""

import hashlib
import multiprocessing
import time
from collections.abc import Callable
from multiprocessing.synchronize import Event
from pathlib import Path

import msgspec
import pytest

from line_inspector.errors import InputError
from line_inspector.inference.model_directory import read_model_directory, write_model_directory
from line_inspector.inference.payload import GOLDEN_SCORES
from line_inspector.model.adps import ADPS
from line_inspector.training.registry import Registry, list_recipes


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path / "models", "tile")


@pytest.fixture
def publish(registry: Registry, tmp_path: Path, write_tiny_model: Callable[..., Path]) -> Callable[[str], str]:
    def train_and_publish(version: str, parent: str | None = None) -> str:
        return registry.publish(write_tiny_model(tmp_path / f"new-{version}", version=version, parent=parent))

    return train_and_publish


def test_a_published_model_is_in_service_and_readable_through_the_link(
    registry: Registry, publish: Callable[..., str]
) -> None:
    assert registry.in_service() is None
    assert publish("v1") == "v1"
    assert registry.in_service() == "v1"
    assert read_model_directory(registry.current)[1].version == "v1"
    assert registry.current.readlink() == Path("v1")  # relative: the registry may be moved or mounted elsewhere


def test_versions_are_listed_oldest_first_with_what_is_known(registry: Registry, publish: Callable[..., str]) -> None:
    publish("b")
    time.sleep(1.1)  # their times are written in whole seconds
    publish("a", parent="b")
    entries = registry.entries()
    assert [(e.version, e.in_service, e.parent) for e in entries] == [("b", False, None), ("a", True, "b")]
    assert all(e.threshold == 0.5 and e.fault is None for e in entries)


def test_a_damaged_version_is_listed_with_its_fault(registry: Registry, publish: Callable[..., str]) -> None:
    publish("v1")
    (registry.folder / "v1" / "manifest.json").write_text("{}")
    (entry,) = registry.entries()
    assert entry.fault is not None and "manifest" in entry.fault


def test_rollback_goes_back_in_the_order_of_service(registry: Registry, publish: Callable[..., str]) -> None:
    for version in ("v1", "v2", "v3"):
        publish(version)
    assert registry.at_hand() == {"v2", "v3"}
    assert registry.rollback() == "v2"
    assert registry.at_hand() == {"v1", "v2"}
    publish("v4")
    assert registry.rollback() == "v2"  # v3 was rolled back: it is not what v4 replaced
    assert registry.rollback() == "v1"
    with pytest.raises(InputError, match="no earlier version"):
        registry.rollback()
    assert registry.in_service() == "v1"


def test_rollback_to_a_named_version(registry: Registry, publish: Callable[..., str]) -> None:
    for version in ("v1", "v2", "v3"):
        publish(version)
    assert registry.rollback("v1") == "v1"
    assert registry.rollback("v3") == "v3"
    assert registry.rollback() == "v1"


def test_rollback_works_after_somebody_moved_the_link_by_hand(registry: Registry, publish: Callable[..., str]) -> None:
    for version in ("v1", "v2"):
        publish(version)
    registry.current.unlink()
    registry.current.symlink_to("v1")
    with pytest.raises(InputError, match="no earlier version"):
        registry.rollback()


def test_a_history_cut_short_by_a_power_failure_is_still_read(registry: Registry, publish: Callable[..., str]) -> None:
    publish("v1")
    with (registry.folder / "history.jsonl").open("ab") as history:
        history.write(b'\n{"at_utc": "2026-')
    publish("v2")
    assert registry.rollback() == "v1"


@pytest.mark.parametrize("to", ["v9", "../outside", "current", ".incoming-v1", ""])
def test_rollback_to_nothing_sound_is_refused(registry: Registry, publish: Callable[..., str], to: str) -> None:
    publish("v1")
    with pytest.raises(InputError):
        registry.rollback(to)
    assert registry.in_service() == "v1"


def test_rollback_to_a_damaged_version_is_refused(registry: Registry, publish: Callable[..., str]) -> None:
    publish("v1")
    publish("v2")
    (registry.folder / "v1" / "weights.safetensors").write_bytes(b"")
    with pytest.raises(InputError, match="sha256"):
        registry.rollback()
    assert registry.in_service() == "v2"


def test_a_damaged_or_known_model_is_not_published(
    registry: Registry, publish: Callable[..., str], tmp_path: Path, write_tiny_model: Callable[..., Path]
) -> None:
    publish("v1")
    broken = write_tiny_model(tmp_path / "broken", version="v2")
    (broken / "weights.safetensors").write_bytes(b"short")
    with pytest.raises(InputError, match="sha256"):
        registry.publish(broken)
    with pytest.raises(InputError, match="here already"):
        registry.publish(tmp_path / "new-v1")
    with pytest.raises(InputError, match="folder"):
        registry.publish(write_tiny_model(tmp_path / "evil", version="../../evil"))
    assert registry.in_service() == "v1"
    assert [entry.version for entry in registry.entries()] == ["v1"]


@pytest.mark.parametrize("recipe", ["", "..", "a/b", ".hidden", "x" * 80])
def test_a_recipe_is_a_plain_name(tmp_path: Path, recipe: str) -> None:
    with pytest.raises(InputError, match="recipe"):
        Registry(tmp_path, recipe)


def test_recipes_are_listed(registry: Registry, publish: Callable[..., str], tmp_path: Path) -> None:
    publish("v1")
    assert list_recipes(tmp_path / "models") == ["tile"]
    with pytest.raises(InputError, match="no such model registry"):
        list_recipes(tmp_path / "nothing")


def _publish_and_roll_back_for_ever(root: Path, model_dirs: list[Path], begun: Event) -> None:
    registry = Registry(root, "tile")
    begun.set()
    for model_dir in model_dirs:
        registry.publish(model_dir)
    while True:
        registry.rollback("v0")
        registry.rollback("v1")


def test_killed_at_any_moment_the_link_leads_to_a_sound_model(
    tmp_path: Path, write_tiny_model: Callable[..., Path]
) -> None:
    context = multiprocessing.get_context("spawn")
    model_dirs = [write_tiny_model(tmp_path / f"new{i}", version=f"v{i}", seed=i) for i in range(2)]
    after = write_tiny_model(tmp_path / "after", version="v9")
    for attempt, alive_s in enumerate((0.3, 0.8, 1.6)):
        root, begun = tmp_path / f"models{attempt}", context.Event()
        process = context.Process(target=_publish_and_roll_back_for_ever, args=(root, model_dirs, begun), daemon=True)
        process.start()
        assert begun.wait(60.0)
        time.sleep(alive_s)
        process.kill()
        process.join()
        registry = Registry(root, "tile")
        if registry.in_service() is not None:
            read_model_directory(registry.current)
        assert registry.publish(after) == "v9"
        assert registry.in_service() == "v9"
        assert all(entry.fault is None for entry in registry.entries())
        assert not list(registry.folder.glob(".incoming*"))


def test_a_model_that_no_worker_would_load_is_not_put_into_service(
    registry: Registry, publish: Callable[..., str], tmp_path: Path, build_tiny_model: Callable[..., ADPS]
) -> None:
    """Its hashes are right, but there is no golden frame to prove it by."""
    publish("v1")
    facts = {"calibration": {}, "lineage": {}, "metrics": {}}
    write_model_directory(
        tmp_path / "unproven", build_tiny_model(), threshold=0.5, golden_frames=[], version="v2", **facts
    )
    with pytest.raises(InputError, match="golden"):
        registry.publish(tmp_path / "unproven")
    assert registry.in_service() == "v1" and [entry.version for entry in registry.entries()] == ["v1"]


def test_golden_scores_are_replayed_before_a_model_comes_into_service(
    registry: Registry, publish: Callable[..., str]
) -> None:
    publish("v1")
    publish("v2")
    folder = registry.folder / "v1"
    scores = msgspec.json.decode((folder / GOLDEN_SCORES).read_bytes(), type=dict[str, float])
    content = msgspec.json.encode({name: score + 0.2 for name, score in scores.items()})
    (folder / GOLDEN_SCORES).write_bytes(content)
    sign_anew(folder, GOLDEN_SCORES, content)
    with pytest.raises(InputError, match="golden frame 0 scores"):
        registry.rollback()
    assert registry.in_service() == "v2"


def sign_anew(folder: Path, relative: str, content: bytes) -> None:
    """Make the manifest fit a changed file, as somebody editing by hand would."""
    manifest = msgspec.json.decode((folder / "manifest.json").read_bytes())
    manifest["files"][relative] = hashlib.sha256(content).hexdigest()
    text = msgspec.json.encode(manifest)
    (folder / "manifest.json").write_bytes(text)
    (folder / "manifest.sha256").write_text(f"{hashlib.sha256(text).hexdigest()}  manifest.json\n")


def test_looking_for_a_recipe_that_is_not_there_makes_no_folder(registry: Registry) -> None:
    with pytest.raises(InputError, match="no models of this recipe"):
        registry.rollback()
    assert not registry.folder.exists()
