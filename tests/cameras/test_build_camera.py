import subprocess
import sys
from pathlib import Path

PROGRAM = """
import sys
from pathlib import Path
sys.modules["harvesters"] = sys.modules["genicam"] = None  # as where the extra is not installed
from line_inspector import config
from line_inspector.cameras import build_camera
from line_inspector.errors import InputError
build_camera(config.SimulatedCamera(kind="simulated", width_px=64, height_px=64))
try:
    build_camera(config.GenicamCamera(kind="genicam", producer=Path("any.cti")))
except InputError as e:
    print(e)
"""


def test_without_the_extra_only_genicam_is_missing_and_says_so() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2]
    )
    assert done.returncode == 0, done.stderr
    assert "line-inspector[genicam]" in done.stdout
    assert len(done.stdout.splitlines()) == 1
