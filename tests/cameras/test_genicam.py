"""Against viky.cti, the GenTL producer in the genicam wheel: three free-running cameras that watch a bouncing ball."""

import logging
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

genicam = pytest.importorskip("genicam", reason="the extra genicam is not installed")
from harvesters.core import Harvester, ImageAcquirer  # noqa: E402

from line_inspector import config  # noqa: E402
from line_inspector.cameras import Camera, CameraFault, build_camera  # noqa: E402
from line_inspector.errors import InputError  # noqa: E402
from line_inspector.messages import Scene  # noqa: E402

VIKY = Path(genicam.__file__).parent / "viky.cti"
Open = Callable[..., Camera]


@pytest.fixture
def open_camera() -> Iterator[Open]:
    opened: list[Camera] = []

    def build(**settings: Any) -> Camera:
        base = {"kind": "genicam", "producer": VIKY, "software_trigger": False, "fetch_timeout_ms": 5000}
        opened.append(build_camera(config.GenicamCamera.model_validate(base | settings)))
        return opened[-1]

    yield build
    for camera in opened:
        camera.close()


@pytest.fixture
def acquirers(monkeypatch: pytest.MonkeyPatch) -> list[ImageAcquirer]:
    """Every acquirer that harvesters opens in this test: the cable, to be pulled."""
    seen: list[ImageAcquirer] = []
    create = Harvester.create

    def watched(self: Harvester, *args: Any, **options: Any) -> ImageAcquirer:
        seen.append(create(self, *args, **options))
        return seen[-1]

    monkeypatch.setattr(Harvester, "create", watched)
    return seen


def fault_of(camera: Camera) -> CameraFault:
    with pytest.raises(CameraFault) as fault:
        camera.shoot(Scene())
    return fault.value


@pytest.mark.parametrize(("serial", "channel"), [("2", 0), ("1", 1), ("0", 2)])
def test_each_camera_by_its_serial_shows_its_ball_in_bgr(open_camera: Open, serial: str, channel: int) -> None:
    frame = open_camera(serial=serial, pixel_format="RGBa8").shoot(Scene())
    assert frame.shape == (400, 400, 3)
    assert frame.dtype == np.uint8
    ball = frame[(frame < 255).any(axis=2)]
    assert len(ball) > 100
    assert int(ball.mean(axis=0).argmax()) == channel


def test_mono_frames_are_two_dimensional_and_the_ball_moves(open_camera: Open) -> None:
    camera = open_camera(pixel_format="Mono8")
    frames = [camera.shoot(Scene()).copy() for _ in range(3)]
    assert all(frame.shape == (400, 400) and frame.dtype == np.uint8 for frame in frames)
    assert not np.array_equal(frames[0], frames[1])
    assert not np.array_equal(frames[1], frames[2])


def test_a_mono_frame_stays_in_the_camera_s_buffer_until_the_next_shot(open_camera: Open) -> None:
    camera = open_camera(pixel_format="Mono8")
    for _ in range(10):
        frame = camera.shoot(Scene())
        before = frame.copy()
        time.sleep(0.15)  # free running: every other buffer has been filled by now
        assert not frame.flags.owndata and not frame.flags.writeable
        assert np.array_equal(frame, before)


def test_frames_that_waited_in_the_buffer_are_not_taken(open_camera: Open, acquirers: list[ImageAcquirer]) -> None:
    camera = open_camera()
    camera.shoot(Scene())
    stream = acquirers[0].data_streams[0]
    give_up_s = time.monotonic() + 10
    while stream.num_awaiting_delivery < acquirers[0].num_buffers - 1 and time.monotonic() < give_up_s:
        time.sleep(0.01)
    before = acquirers[0].statistics.num_images
    camera.shoot(Scene())
    assert acquirers[0].statistics.num_images == before + acquirers[0].num_buffers


def test_hundreds_of_shots_run_out_of_no_buffers(open_camera: Open, acquirers: list[ImageAcquirer]) -> None:
    camera = open_camera()
    acquirers[0].remote_device.node_map.AcquisitionFrameRate.value = 200.0
    for _ in range(200):
        camera.shoot(Scene())


def test_no_frame_in_time_is_said_and_the_camera_goes_on(open_camera: Open, acquirers: list[ImageAcquirer]) -> None:
    camera = open_camera(fetch_timeout_ms=300)
    nodes = acquirers[0].remote_device.node_map
    nodes.AcquisitionStop.execute()
    assert fault_of(camera).reason == "no_frame"
    nodes.AcquisitionStart.execute()
    assert camera.shoot(Scene()).shape == (400, 400, 3)


def test_a_lost_camera_is_down_at_once_and_found_again(
    open_camera: Open, acquirers: list[ImageAcquirer], capfd: pytest.CaptureFixture[str]
) -> None:
    camera = open_camera()
    camera.shoot(Scene())
    acquirers[0].data_streams[0].close()
    fault = fault_of(camera)
    assert fault.reason == "camera_down"
    assert "\n" not in fault.text
    give_up_s = time.monotonic() + 20
    shape = None
    while shape is None and time.monotonic() < give_up_s:
        try:
            shape = camera.shoot(Scene()).shape
        except CameraFault as e:
            assert e.reason == "camera_down"
            time.sleep(0.02)
    assert shape == (400, 400, 3)
    assert len(acquirers) == 2
    assert "Traceback" not in capfd.readouterr().err


def test_close_twice_and_open_again(open_camera: Open) -> None:
    for _ in range(3):
        camera = open_camera()
        assert camera.shoot(Scene()).shape == (400, 400, 3)
        camera.close()
        camera.close()


def test_ctrl_c_stays_with_the_station(open_camera: Open) -> None:
    before = signal.getsignal(signal.SIGINT)
    open_camera().shoot(Scene())
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"serial": "17"}, "no camera has serial 17. Found: 0, 1, 2"),
        ({"pixel_format": "BayerRG8"}, "knows no PixelFormat = BayerRG8. It has: RGBa8, Mono8"),
        ({"exposure_us": 500}, "no feature ExposureTime"),
        ({"software_trigger": True}, "no software trigger"),
    ],
)
def test_settings_the_camera_does_not_have(open_camera: Open, settings: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InputError) as error:
        open_camera(**settings)
    assert complaint in str(error.value)
    assert open_camera().shoot(Scene()).shape == (400, 400, 3)  # the failed one let go of the device


def test_producers_that_are_none(open_camera: Open, tmp_path: Path) -> None:
    text, library = tmp_path / "text.cti", next(VIKY.parent.glob("_gentl*.so"))
    text.write_text("no library")
    for path, complaint in (
        (tmp_path / "none.cti", "no such GenTL producer"),
        (text, "cannot be loaded"),
        (library, "not a GenTL producer"),
    ):
        with pytest.raises(InputError, match=complaint):
            open_camera(producer=path)


class _TriggeredNodes:
    """Viky's own feature nodes plus the trigger features that it lacks."""

    def __init__(self, real: Any) -> None:
        self._real = real
        self.fired = 0
        self.added = {name: SimpleNamespace(value=None) for name in ("TriggerSelector", "TriggerMode", "TriggerSource")}
        self.TriggerSoftware = SimpleNamespace(execute=self._fire)

    def _fire(self) -> None:
        self.fired += 1

    def has_node(self, name: str) -> bool:
        return name in self.added or name == "TriggerSoftware" or bool(self._real.has_node(name))

    def get_node(self, name: str) -> Any:
        return self.added.get(name) or self._real.get_node(name)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


@pytest.fixture
def triggered(acquirers: list[ImageAcquirer], monkeypatch: pytest.MonkeyPatch) -> dict[int, _TriggeredNodes]:
    """Gives each of viky's cameras a software trigger to fire; frames still come from viky."""
    nodes: dict[int, _TriggeredNodes] = {}
    real = ImageAcquirer.remote_device.fget

    def remote_device(self: ImageAcquirer) -> Any:
        device = real(self)
        if device is None:
            return None
        return SimpleNamespace(
            node_map=nodes.setdefault(id(self), _TriggeredNodes(device.node_map)),
            deregister_node_callbacks=device.deregister_node_callbacks,
        )

    monkeypatch.setattr(ImageAcquirer, "remote_device", property(remote_device))
    return nodes


def test_software_trigger_is_set_up_and_fired_once_a_shot(
    open_camera: Open, triggered: dict[int, _TriggeredNodes]
) -> None:
    camera = open_camera(software_trigger=True)
    (nodes,) = triggered.values()
    assert {name: node.value for name, node in nodes.added.items()} == {
        "TriggerSelector": "FrameStart",
        "TriggerMode": "On",
        "TriggerSource": "Software",
    }
    for shots in range(1, 4):
        camera.shoot(Scene())
        assert nodes.fired == shots


def test_free_running_switches_a_stored_trigger_off(open_camera: Open, triggered: dict[int, _TriggeredNodes]) -> None:
    open_camera(software_trigger=False).shoot(Scene())
    (nodes,) = triggered.values()
    assert nodes.added["TriggerMode"].value == "Off"
    assert nodes.fired == 0


def test_after_a_missed_trigger_nothing_late_can_come(
    open_camera: Open, triggered: dict[int, _TriggeredNodes], acquirers: list[ImageAcquirer]
) -> None:
    camera = open_camera(software_trigger=True, fetch_timeout_ms=300)
    (nodes,) = triggered.values()
    announced = list(acquirers[0].data_streams)
    nodes.AcquisitionStop.execute()
    assert fault_of(camera).reason == "no_frame"
    assert [stream.num_awaiting_delivery for stream in announced] == [0]
    assert camera.shoot(Scene()).shape == (400, 400, 3)  # acquisition was started again


def test_harvesters_leaves_the_log_alone(open_camera: Open, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    open_camera().shoot(Scene())
    assert not [record for record in caplog.records if "harvesters" in record.name]
