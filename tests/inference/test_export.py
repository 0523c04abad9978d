"""An export answers as the model does, for any batch; where it does not, or a byte was changed, it is refused."""

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from exported import ExportedModel

from line_inspector.commands import main
from line_inspector.errors import InputError
from line_inspector.inference.export import write_export
from line_inspector.inference.export_directory import ExportManifest, read_export
from line_inspector.inference.model_directory import read_manifest, read_model_directory
from line_inspector.inference.parity import Parity
from line_inspector.inference.scale import ScoreScale

FILES = {"onnx": ["model.onnx"], "openvino": ["model.xml", "model.bin"]}
SIGNED = ["manifest.json", "manifest.sha256"]


@pytest.fixture(scope="module")
def onnx_export(exported_model: ExportedModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made by the command, in this process."""
    out = tmp_path_factory.mktemp("onnx") / "export"
    with pytest.raises(SystemExit) as ended:
        main(["export", str(exported_model.model_dir), "--format", "onnx", "--out", str(out)])
    assert ended.value.code == 0
    return out


@pytest.fixture(params=FILES)
def export(request: pytest.FixtureRequest) -> Path:
    """One export of each format."""
    if request.param == "onnx":
        return request.getfixturevalue("onnx_export")
    return request.getfixturevalue("exported_model").export


@pytest.mark.parametrize("batch_size", [1, 2, 3, 5, 8])
def test_it_answers_as_the_model_does_whatever_the_batch(
    export: Path, exported_model: ExportedModel, batch_size: int
) -> None:
    pixels = np.random.default_rng(7).integers(0, 256, (batch_size, 3, 64, 64), dtype=np.uint8)
    model, _ = read_model_directory(exported_model.model_dir)
    with torch.inference_mode():
        expected = model.anomaly_map(model.normalise(torch.from_numpy(pixels))).numpy()
    forward, _ = read_export(export, threads=1)
    maps = forward(pixels).numpy()
    assert maps.dtype == np.float32
    np.testing.assert_allclose(maps, expected, atol=1e-5)


def test_the_command_tells_the_limits_in_what_the_graph_answers(
    write_tiny_model: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    scale = ScoreScale(limit=0.75, typical=0.5)  # the graph answers on the network's own scale, where 0.5 is no limit
    written = ExportManifest(
        format_version=1,
        format="onnx",
        created_utc="",
        model=read_manifest(write_tiny_model(tmp_path / "model", scale=scale)),
        tolerance=1e-4,
        parity=Parity(0.0, 0.0, 10, (1, 2, 5), 0.1, 0.9),
        made_with={},
        files={},
    )
    monkeypatch.setattr("line_inspector.inference.export.write_export", lambda *asked: written)  # which takes long
    with pytest.raises(SystemExit):
        main(["export", str(tmp_path / "model"), "--format", "onnx", "--out", str(tmp_path / "export")])
    printed = capsys.readouterr().out
    said = re.search(r"a part is rejected from (\S+) on .*, a pixel outlined from (\S+) on", printed)
    assert said, printed
    assert np.float32(said[1]) == np.float32(0.75)
    assert np.float32(said[2]) == np.float32(0.75)  # a tiny model's pixel threshold is the score's


def test_its_manifest_says_what_it_is_of_and_how_well_it_agrees(export: Path, exported_model: ExportedModel) -> None:
    _, manifest = read_export(export, threads=1)
    assert manifest.model == read_manifest(exported_model.model_dir)
    assert manifest.tolerance == 1e-4
    assert manifest.parity.score_difference <= manifest.parity.map_difference <= 1e-4
    assert manifest.parity.frames == 10
    assert sorted(manifest.files) == sorted(FILES[manifest.format])
    assert {path.name for path in export.iterdir()} == {*manifest.files, *SIGNED}


@pytest.mark.parametrize(
    ("form", "name"), [(form, name) for form, names in FILES.items() for name in [*names, *SIGNED]]
)
def test_a_changed_truncated_or_missing_file_is_refused_and_named(
    request: pytest.FixtureRequest, exported_model: ExportedModel, tmp_path: Path, form: str, name: str
) -> None:
    source = request.getfixturevalue("onnx_export") if form == "onnx" else exported_model.export
    content = {path.name: path.read_bytes() for path in source.iterdir()}
    half = len(content[name]) // 2
    flipped = content[name][:half] + bytes([content[name][half] ^ 1]) + content[name][half + 1 :]
    for number, changed in enumerate([flipped, content[name][:half], None]):
        folder = tmp_path / str(number)
        folder.mkdir()
        for other, original in content.items():
            (folder / other).write_bytes(original)
        (folder / name).unlink()
        if changed is not None:
            (folder / name).write_bytes(changed)
        with pytest.raises(InputError) as refused:
            read_export(folder, threads=1)
        assert "manifest" in str(refused.value) or name in str(refused.value)
        assert "Export the model again." in str(refused.value)


def test_one_that_differs_from_torch_is_not_written(
    exported_model: ExportedModel, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "export"
    with pytest.raises(SystemExit) as ended:
        main(
            ["export", str(exported_model.model_dir), "--format", "onnx", "--out", str(out)]
            + ["--tolerance", "1e-12"]  # rounding alone is more
        )
    assert ended.value.code == 2
    assert list(tmp_path.iterdir()) == []
    printed = capsys.readouterr()
    assert "does not answer as torch does" in printed.err and "the tolerance is 1.0e-12" in printed.err
    assert len(printed.err.splitlines()) == 1
    assert printed.out == ""


def test_nothing_is_overwritten(exported_model: ExportedModel) -> None:
    with pytest.raises(InputError, match="exists already"):
        write_export(exported_model.model_dir, exported_model.export, "openvino")


def test_an_unknown_format_is_refused(exported_model: ExportedModel, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="onnx, openvino"):
        write_export(exported_model.model_dir, tmp_path / "export", "tflite")


@pytest.mark.parametrize(
    ("form", "package"), [("onnx", "onnxruntime"), ("onnx", "onnxscript"), ("openvino", "openvino")]
)
def test_a_missing_package_is_told_with_what_to_install(
    exported_model: ExportedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str, package: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)  # as if it were not installed
    with pytest.raises(InputError, match=rf"pip install 'line-inspector\[{form}\]'") as refused:
        write_export(exported_model.model_dir, tmp_path / "export", form)
    assert package in str(refused.value)
    assert list(tmp_path.iterdir()) == []


def test_a_model_directory_that_cannot_be_trusted_is_not_exported(
    write_tiny_model: Callable[..., Path], tmp_path: Path
) -> None:
    model_dir = write_tiny_model(tmp_path / "model")
    scores = json.loads((model_dir / "golden" / "scores.json").read_text())
    (model_dir / "golden" / "scores.json").write_text(json.dumps(scores))
    with pytest.raises(InputError, match=r"scores\.json"):
        write_export(model_dir, tmp_path / "export", "onnx")
    assert not (tmp_path / "export").exists()
