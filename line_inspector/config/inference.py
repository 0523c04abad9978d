"""The worker."""

from typing import Literal

from pydantic import Field, model_validator

from line_inspector.config.section import Section


class InferenceSettings(Section):
    """The worker."""

    engine: Literal["torch", "openvino"] = Field(
        "torch", description="what runs the network; openvino, on the CPU, needs the extra openvino"
    )
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto takes the GPU where there is one")
    threads: int = Field(1, ge=1, le=256, description="CPU threads of the network; leave a core to the other stations")
    max_batch: int | None = Field(
        None, ge=1, le=256, description="largest batch; the engine's own choice when left out"
    )

    @model_validator(mode="after")
    def _openvino_runs_on_the_cpu(self) -> "InferenceSettings":
        if self.engine == "openvino" and self.device == "cuda":
            raise ValueError("engine openvino runs on the CPU: set device to cpu, or engine to torch")
        return self
