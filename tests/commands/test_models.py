"""`line-inspector models`: list, publish, rollback, from a registry's folder and from a line file."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from line_inspector.commands import main


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    def run_command(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(["models", *map(str, arguments)])
        captured = capsys.readouterr()
        return int(ended.value.code or 0), captured.out, captured.err

    return run_command


@pytest.fixture
def root(tmp_path: Path, run: Callable[..., tuple[int, str, str]], write_tiny_model: Callable[..., Path]) -> Path:
    root = tmp_path / "data" / "models"
    root.mkdir(parents=True)
    for version in ("v1", "v2"):
        model_dir = write_tiny_model(tmp_path / version, version=version)
        assert run("publish", root, model_dir, "--recipe", "tile") == (0, f"in service: {version}\n", "")
    return root


def test_list_shows_versions_and_marks_the_one_in_service(run: Callable[..., tuple], root: Path) -> None:
    code, out, _ = run("list", root, "--recipe", "tile", "--json")
    assert code == 0
    assert {entry["version"]: entry["in_service"] for entry in json.loads(out)} == {"v1": False, "v2": True}
    _, table, _ = run("list", root, "--recipe", "tile")
    (marked,) = [line for line in table.splitlines() if "*" in line]
    assert "v2" in marked


def test_rollback_and_back_again(run: Callable[..., tuple], root: Path) -> None:
    assert run("rollback", root, "--recipe", "tile") == (0, "in service: v1\n", "")
    assert run("rollback", root, "--recipe", "tile", "--to", "v2") == (0, "in service: v2\n", "")
    code, out, error = run("rollback", root, "--recipe", "tile", "--to", "v7")
    assert (code, out) == (2, "")
    assert "no version v7" in error and error.count("\n") == 1


def test_the_line_file_names_registry_and_recipe(run: Callable[..., tuple], root: Path, tmp_path: Path) -> None:
    line_file = tmp_path / "line.yaml"
    line_file.write_text(
        "line: test\nrecipe: tile\ndata_dir: data\nbelt: {speed_mm_s: 500}\n"
        "cameras: {top: {source: {kind: simulated}, trigger: {kind: line}, to_gate_mm: 500}}\n"
    )
    code, out, error = run("list", line_file, "--json")
    assert code == 0, error
    assert [entry["version"] for entry in json.loads(out)] == ["v1", "v2"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [(["list"], "--recipe"), (["list", "--recipe", "disc"], "disc"), (["list", "--recipe", "../x"], "recipe")],
)
def test_bad_input_ends_in_one_line(run: Callable[..., tuple], root: Path, arguments: list[str], says: str) -> None:
    code, out, error = run(arguments[0], root, *arguments[1:])
    assert (code, out) == (2, "")
    assert error.startswith("error: ") and error.count("\n") == 1 and says in error
