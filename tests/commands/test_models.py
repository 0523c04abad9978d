"""`line-inspector models`: list, publish, rollback, from a registry's folder and from a line file."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from postgresql_cluster import PASSWORD, Cluster

from line_inspector.commands import main
from line_inspector.line_file import read_line_file
from line_inspector.records.ledger import LedgerWriter
from line_inspector.records.reading import reading
from line_inspector.records.schema import audit

LINE = (
    "line: test\nrecipe: tile\ndata_dir: data\nbelt: {speed_mm_s: 500}\ninference: {engine: torch}\n"
    "cameras: {top: {source: {kind: simulated}, trigger: {kind: line}, to_gate_mm: 500}}\n"
)


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


def test_before_anything_is_published_every_command_says_how_to(run: Callable[..., tuple], tmp_path: Path) -> None:
    path = tmp_path / "line.yaml"
    path.write_text(LINE.replace("engine: torch", "engine: openvino"))
    told = "no models of this recipe. Put one into service: line-inspector models publish LINE.yaml MODEL_DIR, or check"
    for command in ("list", "rollback", "export"):
        code, out, error = run(command, path)
        assert (code, out) == (2, "") and told in error and error.count("\n") == 1


def test_a_rollback_says_what_there_is_to_go_back_to(
    run: Callable[..., tuple], root: Path, tmp_path: Path, write_tiny_model: Callable[..., Path]
) -> None:
    run("rollback", root, "--recipe", "tile")
    code, _, error = run("rollback", root, "--recipe", "tile")
    assert code == 2 and error.endswith("no earlier version to roll back to. Name one with --to: v2.\n")
    run("publish", root, write_tiny_model(tmp_path / "only", version="only"), "--recipe", "disc")
    code, _, error = run("rollback", root, "--recipe", "disc")
    assert code == 2 and error.endswith("no earlier version to roll back to. There is no other version: publish one.\n")


def test_publish_with_its_arguments_swapped_says_which_comes_first(
    run: Callable[..., tuple], line_file: Path, tmp_path: Path
) -> None:
    code, out, error = run("publish", tmp_path / "v1", line_file)
    assert (code, out) == (2, "") and error.count("\n") == 1
    assert error.endswith("The line file comes first: line-inspector models publish LINE.yaml MODEL_DIR\n")


@pytest.fixture
def line_file(root: Path, tmp_path: Path) -> Path:
    path = tmp_path / "line.yaml"
    path.write_text(LINE)
    return path


def audit_rows(url: str) -> list[tuple[str, str, str, str]]:
    with reading(url) as connection:
        rows = connection.execute(audit.select().order_by(audit.c.number)).all()
    return [(row.action, row.subject, row.old, row.new) for row in rows if row.action != "ledger.migrate"]


def test_a_change_of_the_model_in_service_is_in_the_audit_table(
    run: Callable[..., tuple], line_file: Path, tmp_path: Path, write_tiny_model: Callable[..., Path]
) -> None:
    model_dir = write_tiny_model(tmp_path / "v3", version="v3")
    assert run("publish", line_file, model_dir) == (0, "in service: v3\n", "")
    assert run("rollback", line_file) == (0, "in service: v2\n", "")
    assert run("rollback", line_file, "--to", "v9")[0] == 2
    facts = {version: json.dumps({"version": version, "threshold": 0.5}) for version in ("v2", "v3")}
    assert audit_rows(read_line_file(line_file).ledger_url) == [
        ("model.publish", "recipe tile", facts["v2"], facts["v3"]),
        ("model.rollback", "recipe tile", facts["v3"], facts["v2"]),
    ]


def test_a_ledger_that_is_down_does_not_hold_up_a_rollback(
    run: Callable[..., tuple], line_file: Path, postgresql: Cluster
) -> None:
    url = postgresql.new_database()
    line_file.write_text(f"{line_file.read_text()}records: {{ledger: '{url}'}}\n")
    line = read_line_file(line_file)
    postgresql.stop()
    try:
        code, out, error = run("rollback", line_file)
    finally:
        postgresql.start()
    assert (code, out) == (0, "in service: v1\n")
    assert error.startswith("not in the audit table yet (connection failed")
    assert str(line.changes_path) in error
    assert PASSWORD not in error
    LedgerWriter(url, line.changes_path).close(10)
    assert [row[0] for row in audit_rows(url)] == ["model.rollback"]
