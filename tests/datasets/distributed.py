"""Small data sets in the layouts in which the real ones are distributed; 24 x 32 px, every image another one."""

import csv
from itertools import count
from pathlib import Path

import numpy as np
from pictures import save_picture

_seeds = count()


def save_image(path: Path) -> Path:
    pixels = np.random.default_rng(next(_seeds)).integers(60, 200, (24, 32, 3), dtype=np.uint8)
    return save_picture(path, pixels)


def save_mask(path: Path, value: int = 255) -> Path:
    mask = np.zeros((24, 32), np.uint8)
    mask[6:12, 8:20] = value
    return save_picture(path, mask)


def mvtec_ad(root: Path) -> Path:
    product = root / "bottle"
    for n in range(5):
        save_image(product / f"train/good/{n:03d}.png")
    for n in range(2):
        save_image(product / f"test/good/{n:03d}.png")
        for defect in ("broken_large", "contamination"):
            save_image(product / f"test/{defect}/{n:03d}.png")
            save_mask(product / f"ground_truth/{defect}/{n:03d}_mask.png")
    (product / "license.txt").write_text("CC BY-NC-SA")
    return product


def mvtec_ad_2(root: Path) -> Path:
    product = root / "vial"
    for n in range(5):
        save_image(product / f"train/good/{n:03d}_regular.png")
        save_image(product / f"test_private/{n:03d}_regular.png")
        save_image(product / f"test_private_mixed/{n:03d}_mixed.png")
    save_image(product / "validation/good/000_regular.png")
    for n, light in enumerate(("regular", "overexposed")):
        save_image(product / f"test_public/good/{n:03d}_{light}.png")
        save_image(product / f"test_public/bad/{n:03d}_{light}.png")
        save_mask(product / f"test_public/ground_truth/bad/{n:03d}_{light}_mask.png")
    return product


def btad(root: Path) -> Path:
    product = root / "03"
    for n in range(5):
        save_image(product / f"train/ok/{n:04d}.bmp")
    for n in range(2):
        save_image(product / f"test/ok/{n:04d}.bmp")
        save_image(product / f"test/ko/{n:04d}.bmp")
    save_mask(product / "ground_truth/ko/0000.bmp")
    save_mask(product / "ground_truth/ko/0001.png", value=0)
    return product


def kolektor_sdd(root: Path) -> Path:
    """Six commutators of three images; Part1 of kos02 and kos03 is defective."""
    product = root / "KolektorSDD"
    for item in range(1, 7):
        for part in range(3):
            stem = product / f"kos{item:02d}" / f"Part{part}"
            save_image(stem.with_suffix(".jpg"))
            save_mask(stem.with_name(f"{stem.name}_label.bmp"), value=255 if part == 1 and item in (2, 3) else 0)
    return product


def kolektor_sdd_2(root: Path) -> Path:
    """Of six images in train/ and four in test/, those divisible by three are defective."""
    product = root / "KolektorSDD2"
    for part, numbers in (("train", range(10001, 10007)), ("test", range(20000, 20004))):
        for number in numbers:
            save_image(product / part / f"{number}.png")
            save_mask(product / part / f"{number}_GT.png", value=255 if number % 3 == 0 else 0)
    save_image(product / "train/10001 (copy).png")
    save_mask(product / "train/10001_GT (copy).png", value=0)
    return product


def visa(root: Path) -> Path:
    """candle beside a product of which only rows are there; one anomaly of two kinds, one that nothing is told of."""
    product = root / "candle"
    rows = [["pcb1", "train", "normal", "pcb1/Data/Images/Normal/0000.JPG", ""]]
    for n in range(7):
        save_image(root / (name := f"candle/Data/Images/Normal/{n:04d}.JPG"))
        rows.append(["candle", "train" if n < 5 else "test", "normal", name, ""])
    annotations = []
    for n in range(3):
        save_image(root / (name := f"candle/Data/Images/Anomaly/{n:03d}.JPG"))
        save_mask(root / (mask := f"candle/Data/Masks/Anomaly/{n:03d}.png"), value=n + 1)
        rows.append(["candle", "test", "anomaly", name, mask])
        annotations.append([name, ["wax melded", "wax melded,damaged corner", ""][n], mask])
    write_csv(root / "split_csv/1cls.csv", [["object", "split", "label", "image", "mask"], *rows])
    write_csv(product / "image_anno.csv", [["image", "label", "mask"], *annotations])
    return product


def write_csv(path: Path, rows: list[list[str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)


BUILDERS = {
    "MVTec AD": mvtec_ad,
    "MVTec AD 2": mvtec_ad_2,
    "BTAD": btad,
    "KolektorSDD": kolektor_sdd,
    "KolektorSDD2": kolektor_sdd_2,
    "VisA": visa,
}
