"""The picture of forged defects in docs/model.md: `python tests/benchmarks/forging_picture.py [docs/forging.jpg]`.

What `line-inspector forge` draws of rendered parts, always the same ones, made smaller and stored as a JPEG.
"""

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2

from line_inspector.cameras.dataset import write_dataset

PARTS = 12
SIZE_PX = 256
SCALE = 0.75
QUALITY = 80


def main() -> None:
    """Write the picture to the file that is named, or to the one of the page."""
    out = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/forging.jpg")
    with TemporaryDirectory() as folder:
        parts, sheet = Path(folder) / "parts", Path(folder) / "sheet.png"
        write_dataset(parts, PARTS, good_test=0, per_defect=0, size_px=SIZE_PX, seed=0)
        command = [sys.executable, "-m", "line_inspector", "forge", parts / "train" / "good", "--out", sheet]
        subprocess.run([str(word) for word in command], check=True)
        picture = cv2.imread(str(sheet))
    small = cv2.resize(picture, None, fx=SCALE, fy=SCALE, interpolation=cv2.INTER_AREA)
    out.write_bytes(cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes())


if __name__ == "__main__":
    main()
