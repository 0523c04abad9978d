"""The worker, or the workers that share one line."""

import ipaddress
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, field_validator, model_validator

from line_inspector.config.section import FilePath, Name, Section

LOCAL = "local"
LINE_KEY = "line"  # the line's own key pair is named so
WorkerHost = Annotated[str, StringConstraints(pattern=r"^(local|tcp://\d{1,3}(\.\d{1,3}){3}:\d{1,5})$")]


class WorkerSettings(Section):
    """A process that runs the model, by name. Those named share the line's frames; docs/remote.md."""

    host: WorkerHost = Field(description="local, or the address at which a worker on another host listens")
    keys: FilePath | None = Field(
        None, description="folder of CURVE keys, for another host; made by `line-inspector keys new DIR --worker NAME`"
    )

    @property
    def is_local(self) -> bool:
        """Whether it runs on the line's own host, where the frames are."""
        return self.host == LOCAL

    @field_validator("host")
    @classmethod
    def _is_an_address(cls, host: str) -> str:
        if host != LOCAL:
            address, _, port = host.removeprefix("tcp://").rpartition(":")
            try:
                ipaddress.IPv4Address(address)
            except ValueError as e:
                raise ValueError(f"{address} is not an IPv4 address") from e
            if not 1 <= int(port) <= 65_535:
                raise ValueError(f"{port} is not a TCP port")
        return host

    @model_validator(mode="after")
    def _no_frame_leaves_the_host_in_the_clear(self) -> "WorkerSettings":
        if not self.is_local and self.keys is None:
            raise ValueError(
                f"{self.host} is another host, which takes keys: make them with `line-inspector keys new DIR --worker"
                " NAME` and set keys: DIR"
            )
        return self


class InferenceSettings(Section):
    """The worker."""

    engine: Literal["auto", "torch", "openvino"] = Field(
        "auto", description="what runs the network; auto: on a CPU openvino, if installed and proven, else torch"
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto", description="auto takes the GPU where there is one that works"
    )
    precision: Literal["fp32", "fp16", "bf16"] = Field(
        "fp32", description="of a GPU; a model that answers otherwise in half precision runs in fp32 all the same"
    )
    threads: int | None = Field(
        None, ge=1, le=256, description="CPU threads of the network; when left out, what the other stations leave"
    )
    pin: bool = Field(False, description="keep the worker and the other stations to cores of their own")
    max_batch: int | None = Field(
        None, ge=1, le=256, description="largest batch; the engine's own choice when left out"
    )
    workers: dict[Name, WorkerSettings] = Field(
        {},
        max_length=16,
        description="who shares the frames; one worker here, and its standby, when left out",
    )

    @model_validator(mode="after")
    def _openvino_runs_on_the_cpu(self) -> "InferenceSettings":
        if self.engine == "openvino" and self.device == "cuda":
            raise ValueError("engine openvino runs on the CPU: set device to cpu, or engine to torch")
        return self

    @model_validator(mode="after")
    def _half_precision_is_for_a_gpu(self) -> "InferenceSettings":
        if self.precision != "fp32" and (self.engine == "openvino" or self.device == "cpu"):
            raise ValueError("the CPU computes in fp32: leave precision out, or set device to auto or cuda")
        return self

    @model_validator(mode="after")
    def _workers_can_be_told_apart(self) -> "InferenceSettings":
        hosts = [worker.host for worker in self.workers.values() if not worker.is_local]
        if len(set(hosts)) < len(hosts):
            raise ValueError("two workers listen at one address")
        if LINE_KEY in self.workers:
            raise ValueError(f"a worker cannot be called {LINE_KEY}: the line's own key pair is")
        return self
