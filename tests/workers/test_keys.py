"""Key files: made by the command, secret where they must be, never lost by accident, and asked for by a line file."""

import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import zmq.auth
from typer.testing import CliRunner

from line_inspector.commands import build_app
from line_inspector.errors import InputError
from line_inspector.line_file import parse_line
from line_inspector.workers.keys import only_writer, read_key_pair, read_public_key, write_key_pair

LINE: dict[str, Any] = {
    "line": "l",
    "recipe": "r",
    "data_dir": "data",
    "belt": {"speed_mm_s": 250},
    "cameras": {"top": {"source": {"kind": "simulated"}, "trigger": {"kind": "line"}, "to_gate_mm": 300}},
}


def new(*arguments: str) -> str:
    done = CliRunner().invoke(build_app(["keys"]), ["keys", "new", *arguments])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.output


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_command_makes_pairs_whose_secrets_only_the_owner_reads(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        said = new(str(tmp_path / "keys"), "--worker", "far", "--worker", "farther")
    finally:
        os.umask(before)
    folder = tmp_path / "keys"
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        f"{name}.{kind}" for name in ("line", "far", "farther") for kind in ("key", "key_secret")
    )
    secrets = set()
    for name in ("line", "far", "farther"):
        assert mode(folder / f"{name}.key_secret") == 0o600
        pair = read_key_pair(folder, name)
        assert zmq.curve_public(pair.secret) == pair.public == read_public_key(folder, name)
        assert pair.secret.decode() not in (folder / f"{name}.key").read_text()
        assert pair.secret.decode() not in said
        secrets.add(pair.secret)
    assert len(secrets) == 3
    assert "the host of worker farther needs: farther.key_secret, line.key" in said


def test_a_key_is_never_overwritten_unless_told(tmp_path: Path) -> None:
    new(str(tmp_path), "--worker", "far")
    first = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(InputError, match=r"far\.key: exists already"):
        new(str(tmp_path), "--worker", "other", "--worker", "far")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == first, "not even the one that was free"
    new(str(tmp_path), "--worker", "other")
    new(str(tmp_path), "--worker", "far", "--replace")
    after = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert after["line.key_secret"] == first["line.key_secret"], "other workers still know the line"
    assert after["far.key_secret"] != first["far.key_secret"]


def test_no_worker_gets_a_name_that_nobody_gave(tmp_path: Path) -> None:
    assert "Missing option '--worker'" in new(str(tmp_path))
    assert list(tmp_path.iterdir()) == []


AT_ONCE = """
import sys
from pathlib import Path
from line_inspector.commands.keys import new
from line_inspector.errors import InputError
from line_inspector.workers import keys
print("ready", flush=True)
sys.stdin.readline()
try:
    new(["far", "farther"], Path(sys.argv[1]))
except InputError as e:
    sys.exit(f"refused: {e}")
"""


def test_of_several_that_make_keys_in_one_folder_at_once_one_wins(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    rivals = [subprocess.Popen([sys.executable, "-c", AT_ONCE, str(folder)], text=True, **pipes) for _ in range(6)]
    assert [rival.stdout.readline() for rival in rivals if rival.stdout] == ["ready\n"] * 6
    for rival in rivals:
        assert rival.stdin
        rival.stdin.write("\n")
        rival.stdin.flush()
    said = [rival.communicate(timeout=30) for rival in rivals]
    assert sorted(rival.returncode for rival in rivals) == [0, 1, 1, 1, 1, 1], said
    for (_, complaint), rival in zip(said, rivals, strict=True):
        assert not rival.returncode or (complaint.startswith("refused: ") and len(complaint.splitlines()) == 1)
    names = sorted(f"{name}.{kind}" for name in ("line", "far", "farther") for kind in ("key", "key_secret"))
    assert sorted(path.name for path in folder.iterdir()) == names
    for name in ("line", "far", "farther"):
        assert read_public_key(folder, name) == read_key_pair(folder, name).public


def test_who_comes_while_another_makes_keys_is_told_so_in_one_line_and_writes_nothing(tmp_path: Path) -> None:
    with only_writer(tmp_path):
        command = [sys.executable, "-m", "line_inspector", "keys", "new", str(tmp_path), "--worker", "far"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert [path.suffix for path in tmp_path.iterdir()] == [".lock"]
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
    assert "somebody else is making keys here" in done.stderr and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("damage", ["gone", "of another pair", "cut off"])
def test_the_public_half_of_a_kept_pair_is_mended_from_its_secret(tmp_path: Path, damage: str) -> None:
    """The command says that the worker's host needs it; so it must be there, and be the right one."""
    new(str(tmp_path), "--worker", "far")
    secret, public = (tmp_path / "line.key_secret").read_bytes(), tmp_path / "line.key"
    if damage == "gone":
        public.unlink()
    else:
        write_key_pair(tmp_path / "b", "line")
        text = (tmp_path / "b" / "line.key").read_text()
        public.write_text(text if damage == "of another pair" else text[:-20])
    new(str(tmp_path), "--worker", "other")
    assert read_public_key(tmp_path, "line") == read_key_pair(tmp_path, "line").public
    assert mode(public) == 0o644 and (tmp_path / "line.key_secret").read_bytes() == secret


def test_nothing_half_written_is_left_where_the_disk_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_key_pair(tmp_path, "far")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["line", "a/b", "", "..", "-x"])
def test_a_name_that_no_worker_can_have_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="not a name for a worker"):
        new(str(tmp_path), f"--worker={name}")
    assert list(tmp_path.iterdir()) == []


def test_a_secret_that_others_may_read_is_refused(tmp_path: Path) -> None:
    write_key_pair(tmp_path, "far")
    (tmp_path / "far.key_secret").chmod(0o640)
    with pytest.raises(InputError, match="others may read"):
        read_key_pair(tmp_path, "far")


@pytest.mark.parametrize("where", ["the file", "the folder"])
def test_a_public_key_that_others_may_replace_is_refused(tmp_path: Path, where: str) -> None:
    """Who can write it decides whom a worker admits, or to whom the line gives its frames."""
    folder = tmp_path / "keys"
    write_key_pair(folder, "line")
    (folder / "line.key" if where == "the file" else folder).chmod(0o777)
    with pytest.raises(InputError, match="others may write"):
        read_public_key(folder, "line")
    folder.chmod(0o1777)
    (folder / "line.key").chmod(0o644)
    assert read_public_key(folder, "line"), "in a folder where everybody may only remove what is his own"


@pytest.mark.parametrize(
    "text", ["", "curve\n", 'public-key = "short"\n', "\0\xff" * 90, f'public-key = "{chr(34) * 40}"\n', "x" * 40]
)
def test_a_file_that_holds_no_key_is_refused(tmp_path: Path, text: str) -> None:
    for suffix in (".key", ".key_secret"):
        (tmp_path / f"far{suffix}").write_text(text)
    for read in (read_public_key, read_key_pair):
        with pytest.raises(InputError, match="key"):
            read(tmp_path, "far")


def test_halves_of_two_pairs_are_refused(tmp_path: Path) -> None:
    for folder in (tmp_path / "a", tmp_path / "b"):
        write_key_pair(folder, "far")
    public, secret = (
        read_public_key(tmp_path / "a", "far").decode(),
        read_key_pair(tmp_path / "b", "far").secret.decode(),
    )
    path = tmp_path / "a" / "far.key_secret"
    path.write_text(f'curve\n    public-key = "{public}"\n    secret-key = "{secret}"\n')
    with pytest.raises(InputError, match="both halves of one key pair"):
        read_key_pair(tmp_path / "a", "far")


@pytest.mark.parametrize(
    ("workers", "complaint"),
    [
        (
            {"far": {"host": "tcp://192.0.2.1:5570"}},
            "takes keys: make them with `line-inspector keys new DIR --worker NAME`",
        ),
        ({"far": {"host": "tcp://192.0.2.999:5570", "keys": "k"}}, "not an IPv4 address"),
        ({"far": {"host": "tcp://192.0.2.1:0", "keys": "k"}}, "not a TCP port"),
        ({"far": {"host": "192.0.2.1:5570", "keys": "k"}}, "host"),
        ({"line": {"host": "local"}}, "cannot be called line"),
        ({n: {"host": "tcp://192.0.2.1:5570", "keys": "k"} for n in ("a", "b")}, "two workers listen at one address"),
    ],
)
def test_a_line_file_with_a_worker_that_cannot_be_is_refused(
    tmp_path: Path, workers: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(InputError, match=complaint):
        parse_line(LINE | {"inference": {"workers": workers}}, tmp_path / "line.yaml")


def test_a_worker_on_another_host_without_keys_ends_every_command_with_one_line_and_code_2(tmp_path: Path) -> None:
    (tmp_path / "line.yaml").write_text(
        "line: l\nrecipe: r\ndata_dir: d\nbelt: {speed_mm_s: 250}\ncameras:\n  top: {source: {kind: simulated},"
        " trigger: {kind: line}, to_gate_mm: 300}\ninference:\n  workers:\n    far: {host: 'tcp://192.0.2.1:5570'}\n"
    )
    command = [sys.executable, "-m", "stations.inference", str(tmp_path / "line.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    (said,) = done.stderr.splitlines()
    assert "line.yaml:9" in said and "takes keys" in said


def test_config_check_asks_for_the_key_files_of_the_lines_host(tmp_path: Path) -> None:
    from line_inspector.commands.config_startable import require_startable

    workers = {"far": {"host": "tcp://192.0.2.1:5570", "keys": "keys"}}
    line = parse_line(LINE | {"inference": {"workers": workers}}, tmp_path / "line.yaml")
    with pytest.raises(InputError, match="keys new"):
        require_startable(line)
    write_key_pair(tmp_path / "keys", "line")
    write_key_pair(tmp_path / "keys", "far")
    (tmp_path / "keys" / "far.key_secret").unlink()
    (tmp_path / "keys" / "line.key").unlink()
    require_startable(line)


def test_keys_need_a_folder_with_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="DIR: is empty"):
        new("", "--worker", "far")
    assert list(tmp_path.iterdir()) == []
