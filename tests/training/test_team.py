"""Two real processes, started by torchrun: what they agree on, and that they end with the same weights."""

import os
import subprocess
import sys
from pathlib import Path

SCRIPT = """
import hashlib
import numpy as np
import torch
from line_inspector.model.adps import ADPS
from line_inspector.model.architecture import Architecture
from line_inspector.model.forging import Forger
from line_inspector.training.learner import Learner
from line_inspector.training.options import TrainingOptions
from line_inspector.training.samples import Sampler
from line_inspector.training.team import joined_team

with joined_team("cpu") as team:
    sum_of_two = [torch.full((2, 3), float(team.rank)), torch.tensor(4.0 * team.rank)]
    team.average(sum_of_two)
    assert torch.equal(sum_of_two[0], torch.full((2, 3), 0.5)) and float(sum_of_two[1]) == 2.0
    assert team.as_leader(0.1 + team.rank) == 0.1
    assert team.bytes_of_leader(b"leader" if team.leads else b"") == b"leader"
    assert team.bytes_of_leader(b"") == b""
    torch.manual_seed(team.rank)
    options = TrainingOptions(
        architecture=Architecture(image_size_px=64, patches_per_side=2, segmentation_widths=(8, 8, 8)),
        batch_size=4, freeze_student_norm=False, precision="fp32",
    )
    model = ADPS(options.architecture).to(memory_format=torch.channels_last)
    team.take_from_leader(model.state_dict().values())
    learner = Learner(model, options, team)
    pixels = np.random.default_rng(0).integers(0, 256, (6, 64, 64, 3), dtype=np.uint8)
    sampler = Sampler(pixels, Forger(list(pixels)), 4, 0, team.part(4))
    losses = [learner.learn(sampler.batch(step), None, 1e-3) for step in range(2)]
    state = b"".join(value.numpy().tobytes() for value in learner.model.state_dict().values())
    print("ended with", losses, hashlib.sha256(state).hexdigest(), flush=True)
"""


def test_both_processes_learn_the_same_from_different_images(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command = [*launcher, str(tmp_path / "script.py")]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    ended = [line for line in done.stdout.splitlines() if line.startswith("ended with")]
    assert len(ended) == 2
    assert len(set(ended)) == 1
