"""One opened GenICam device: found, set up, started, asked for frames, closed (harvesters 1.4 on the genicam wheel)."""

import contextlib
import ctypes
import logging
import signal
import threading
import warnings
from collections.abc import Iterator
from typing import Any

from genicam import genapi, gentl

from line_inspector import config
from line_inspector.cameras.pixel_formats import PIXEL_FORMATS, to_frame
from line_inspector.errors import InputError
from line_inspector.images import Frame

with warnings.catch_warnings():  # harvesters rewrites the warning filters of the whole process when imported
    from harvesters.core import Buffer, Harvester, ImageAcquirer, ParameterKey, ParameterSet

POLL_MS = 10
_FAULTS = (gentl.GenericException, genapi.GenericException)
# harvesters logs every device fault with its traceback; we report each fault ourselves, in one line.
_SILENT = logging.getLogger("line_inspector.harvesters")
_SILENT.setLevel(logging.CRITICAL + 1)


class DeviceLost(Exception):
    """The device or its transport layer refused a call: unplugged, switched off, or taken by another program."""


class GenicamDevice:
    """An acquiring device. Raises InputError for a producer, serial number or setting that does not work."""

    def __init__(self, settings: config.GenicamCamera) -> None:
        self.name = str(settings.producer)
        self._settings = settings
        self._held: Buffer | None = None  # the frame taken last lies in it
        self._harvester = Harvester(config=ParameterSet({ParameterKey.LOGGER: _SILENT}))
        try:
            self._load_producer()
            self._acquirer = self._open_device()
            self._apply_settings()
            with self._refused("camera does not start"):
                self._acquirer.start()
        except InputError:
            self.close()
            raise

    def take(self) -> Frame | None:
        """One frame that was not yet waiting when this was called, or None after `fetch_timeout_ms`.

        It may lie in the camera's buffer, which is filled again from the next call on, and gone after `close`.
        Raises DeviceLost, and ValueError for pixels outside `PIXEL_FORMATS`.
        """
        with _lost():
            self._give_back()
            self._discard_waiting()
            if self._settings.software_trigger:
                self._acquirer.remote_device.node_map.TriggerSoftware.execute()
            # fetch() starts its timeout anew after every incomplete buffer and may never return; try_fetch() ends.
            buffer = self._acquirer.try_fetch(timeout=self._settings.fetch_timeout_ms / 1000)
            if buffer is None:
                if self._settings.software_trigger:
                    self._restart()
                return None
            self._held = buffer
            return _pixels(buffer)

    def close(self) -> None:
        """Release the device; a device that is gone cannot object."""
        self._held = None
        for release in [acquirer.destroy for acquirer in self._harvester.image_acquirers] + [self._harvester.reset]:
            with contextlib.suppress(*_FAULTS):
                release()

    def _load_producer(self) -> None:
        producer = self._settings.producer
        remedy = "Give the .cti file that the camera vendor's GenTL package installs for this machine"
        if not producer.is_file():
            raise InputError("no such GenTL producer", self.name, remedy)
        try:
            library = ctypes.CDLL(str(producer.resolve()))
        except OSError as e:
            raise InputError(f"GenTL producer cannot be loaded ({e})", self.name, remedy) from e
        if not hasattr(library, "GCInitLib"):  # harvesters would call it all the same, and the process would crash
            raise InputError("not a GenTL producer", self.name, remedy)
        self._harvester.add_file(str(producer.resolve()))
        self._harvester.update()

    def _open_device(self) -> ImageAcquirer:
        found = [str(device.serial_number) for device in self._harvester.device_info_list]
        serial = self._settings.serial
        if not found:
            raise InputError("no camera found", self.name, "Check its power, cable and network address")
        if serial is not None and serial not in found:
            raise InputError(f"no camera has serial {serial}", self.name, f"Found: {', '.join(found)}")
        options = ParameterSet({ParameterKey.TIMEOUT_PERIOD_ON_UPDATE_EVENT_DATA_CALL: POLL_MS})
        with self._refused("camera cannot be opened"), _kept_interrupt_handler():
            acquirer = self._harvester.create(found.index(serial) if serial else 0, config=options)
        self.name = f"camera {acquirer.device.display_name}"
        return acquirer

    def _apply_settings(self) -> None:
        settings = self._settings
        if settings.pixel_format is not None:
            self._set("PixelFormat", settings.pixel_format)
        nodes = self._acquirer.remote_device.node_map
        if nodes.PixelFormat.value not in PIXEL_FORMATS:
            usable = [name for name in nodes.PixelFormat.symbolics if name in PIXEL_FORMATS]
            what = f"pixel format {nodes.PixelFormat.value} is not supported"
            raise InputError(what, self.name, f"Set pixel_format to one of: {', '.join(usable) or 'none that it has'}")
        if settings.exposure_us is not None:
            if nodes.has_node("ExposureAuto"):
                self._set("ExposureAuto", "Off")
            self._set("ExposureTime", settings.exposure_us)
        self._set_trigger()

    def _set_trigger(self) -> None:
        """One frame per software trigger, or free running, whatever was stored in the camera (SFNC names)."""
        nodes = self._acquirer.remote_device.node_map
        if nodes.has_node("TriggerSelector"):
            self._set("TriggerSelector", "FrameStart")
        if self._settings.software_trigger:
            if not nodes.has_node("TriggerSoftware"):
                raise InputError(
                    "has no software trigger", self.name, "Set software_trigger: false to let it run freely"
                )
            self._set("TriggerMode", "On")
            self._set("TriggerSource", "Software")
        elif nodes.has_node("TriggerMode"):
            self._set("TriggerMode", "Off")

    def _set(self, feature: str, value: str | float) -> None:
        nodes = self._acquirer.remote_device.node_map
        if not nodes.has_node(feature):
            raise InputError(f"has no feature {feature}", self.name, "Leave the setting that needs it out")
        node = nodes.get_node(feature)
        choices = getattr(node, "symbolics", None)
        if choices is not None and value not in choices:
            raise InputError(f"knows no {feature} = {value}", self.name, f"It has: {', '.join(choices)}")
        with self._refused(f"refuses {feature} = {value}"):
            node.value = value

    def _give_back(self) -> None:
        held, self._held = self._held, None
        if held is not None:
            held.queue()

    def _restart(self) -> None:
        """Drop what is still under way: a late frame must never be taken for the next part's."""
        self._acquirer.stop()
        self._acquirer.start()

    def _discard_waiting(self) -> None:
        for stream in self._acquirer.data_streams:
            for _ in range(stream.num_awaiting_delivery):
                stale = self._acquirer.try_fetch(timeout=POLL_MS / 1000)
                if stale is not None:
                    stale.queue()

    @contextlib.contextmanager
    def _refused(self, what: str) -> Iterator[None]:
        try:
            yield
        except _FAULTS as e:
            remedy = "Check the setting, and that no other program holds the camera"
            raise InputError(f"{what} ({_one_line(e)})", self.name, remedy) from e


@contextlib.contextmanager
def _lost() -> Iterator[None]:
    try:
        yield
    except _FAULTS as e:
        raise DeviceLost(_one_line(e)) from e


@contextlib.contextmanager
def _kept_interrupt_handler() -> Iterator[None]:
    """harvesters takes SIGINT for itself and would leave the station deaf to Ctrl-C; give it back."""
    before = signal.getsignal(signal.SIGINT)
    yield
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, before if before is not None else signal.SIG_DFL)


def _pixels(buffer: Buffer) -> Frame:
    """The first picture in the buffer's payload, in place where its format allows it."""
    pictures: list[Any] = [part for part in buffer.payload.components if part is not None]
    if not pictures:
        raise ValueError("the buffer holds no picture")
    picture = pictures[0]
    return to_frame(picture.data, picture.width, picture.height, picture.data_format, picture.x_padding)


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())
