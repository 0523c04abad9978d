"""Every data set is read as it is distributed, and a damaged one ends in one line."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from distributed import BUILDERS, btad, kolektor_sdd, mvtec_ad, mvtec_ad_2, save_image, save_mask, visa, write_csv

from line_inspector.commands import main
from line_inspector.datasets.labelled_image import count_by_defect
from line_inspector.datasets.layouts import LAYOUTS, find_products, open_product
from line_inspector.errors import InputError

# layout: good images to train on, test images by defect, and the number of masks
EXPECTED = {
    "MVTec AD": (5, {"good": 2, "broken_large": 2, "contamination": 2}, 4),
    "MVTec AD 2": (5, {"good": 2, "bad": 2}, 2),
    "BTAD": (5, {"good": 2, "ko": 2}, 2),
    "KolektorSDD": (11, {"good": 5, "defect": 2}, 2),
    "KolektorSDD2": (4, {"good": 3, "defect": 1}, 1),
    "VisA": (5, {"good": 2, "anomaly": 1, "wax melded": 1, "wax melded,damaged corner": 1}, 3),
}


def refusal(product: Path, part: str) -> str:
    with pytest.raises(InputError) as caught:
        getattr(open_product(product), part)()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_every_layout_is_tested() -> None:
    assert {layout.name for layout in LAYOUTS} == BUILDERS.keys() == EXPECTED.keys()


@pytest.mark.parametrize("name", BUILDERS)
def test_a_product_is_read_as_it_is_distributed(tmp_path: Path, name: str) -> None:
    good_count, by_defect, masks = EXPECTED[name]
    product = open_product(BUILDERS[name](tmp_path))
    assert product.layout.name == name
    good, test = product.good_images(), product.test_images()
    assert len(good) == len(set(good)) == good_count
    assert count_by_defect(test) == by_defect
    assert not test[0].is_defective
    assert test[-1].is_defective
    assert sum(image.mask is not None for image in test) == masks
    assert not {image.path for image in test} & set(good)
    assert all(path.is_file() for path in good)
    assert all(image.path.is_file() and (image.mask is None or image.mask.is_file()) for image in test)
    assert good == open_product(product.folder).good_images()


def test_no_commutator_has_good_images_on_both_sides(tmp_path: Path) -> None:
    product = open_product(kolektor_sdd(tmp_path))
    trained_on = {path.parent.name for path in product.good_images()}
    tested = {image.path.parent.name for image in product.test_images() if not image.is_defective}
    assert trained_on == {"kos01", "kos02", "kos04", "kos05"}
    assert tested == {"kos03", "kos06"}


def test_every_product_under_a_root_is_found_and_named_by_its_folders(tmp_path: Path) -> None:
    for build in BUILDERS.values():
        build(tmp_path / build.__name__)
    (tmp_path / "notes").mkdir()
    (tmp_path / ".cache").mkdir()
    found = {product.name: product.layout.name for product in find_products([tmp_path])}
    assert found == {
        "btad/03": "BTAD",
        "kolektor_sdd/KolektorSDD": "KolektorSDD",
        "kolektor_sdd_2/KolektorSDD2": "KolektorSDD2",
        "mvtec_ad/bottle": "MVTec AD",
        "mvtec_ad_2/vial": "MVTec AD 2",
        "visa/candle": "VisA",
    }
    assert [product.name for product in find_products([tmp_path / "mvtec_ad" / "bottle"])] == ["bottle"]
    assert [product.name for product in find_products([tmp_path / "visa", tmp_path / "btad"])] == ["03", "candle"]


def test_roots_that_give_nothing_or_two_of_one_name_are_refused(tmp_path: Path) -> None:
    for root in ("a", "b"):
        mvtec_ad(tmp_path / root)
    (tmp_path / "empty").mkdir()
    for roots, says in ((["a", "b"], "called bottle"), (["empty"], "known layout"), (["none"], "no such folder")):
        with pytest.raises(InputError, match=says):
            find_products([tmp_path / root for root in roots])


def test_a_folder_above_products_is_refused_with_the_name_of_one(tmp_path: Path) -> None:
    mvtec_ad(tmp_path)
    with pytest.raises(InputError, match="bottle"):
        open_product(tmp_path)


@pytest.mark.parametrize(
    ("build", "lost", "part", "says"),
    [
        (mvtec_ad_2, "vial/test_public/ground_truth/bad/001_overexposed_mask.png", "test_images", "001_overexposed"),
        (btad, "03/ground_truth/ko/0000.bmp", "test_images", "0000.bmp: has no mask"),
        (kolektor_sdd, "KolektorSDD/kos04/Part2_label.bmp", "good_images", "Part2_label.bmp"),
        (BUILDERS["KolektorSDD2"], "KolektorSDD2/test/20002_GT.png", "test_images", "20002_GT.png"),
        (visa, "candle/Data/Masks/Anomaly/001.png", "test_images", "001.JPG: has no mask"),
        (visa, "candle/Data/Images/Normal/0003.JPG", "good_images", "0003.JPG"),
        (visa, "split_csv/1cls.csv", "good_images", "1cls.csv: no such file"),
    ],
)
def test_a_lost_file_ends_in_one_line_that_names_it(
    tmp_path: Path, build: Callable[[Path], Path], lost: str, part: str, says: str
) -> None:
    product = build(tmp_path)
    (tmp_path / lost).unlink()
    assert says in refusal(product, part)


@pytest.mark.parametrize(
    ("name", "part", "emptied"),
    [
        ("MVTec AD", "good_images", "bottle/train/good"),
        ("MVTec AD", "test_images", "bottle/test/contamination"),
        ("MVTec AD 2", "test_images", "vial/test_public/bad"),
        ("BTAD", "good_images", "03/train/ok"),
        ("KolektorSDD", "good_images", "KolektorSDD/kos01"),
        ("KolektorSDD2", "good_images", "KolektorSDD2/train"),
        ("VisA", "test_images", "candle/Data/Images/Anomaly"),
    ],
)
def test_an_empty_folder_ends_in_one_line_that_names_it(tmp_path: Path, name: str, part: str, emptied: str) -> None:
    product = BUILDERS[name](tmp_path)
    for path in (tmp_path / emptied).iterdir():
        path.unlink()
    assert emptied in refusal(product, part)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda rows: rows[:3] + rows[4:], "0001.JPG: does not stand in split_csv/1cls.csv"),
        (lambda rows: [["what", *rows[0][1:]], *rows[1:]], "no column object"),
        (lambda rows: [*rows, ["candle", "somewhere", "normal", rows[2][3], ""]], "row 13"),
        (lambda rows: rows[:1], "does not stand in"),
        (lambda rows: [], "no column"),
    ],
)
def test_a_damaged_split_of_visa_ends_in_one_line(
    tmp_path: Path, change: Callable[[list[list[str]]], list[list[str]]], says: str
) -> None:
    product = visa(tmp_path)
    place = tmp_path / "split_csv/1cls.csv"
    rows = [line.split(",") for line in place.read_text().splitlines()]
    write_csv(place, change(rows))
    assert says in refusal(product, "good_images")


def test_visa_without_annotations_calls_every_defect_an_anomaly(tmp_path: Path) -> None:
    product = visa(tmp_path)
    (product / "image_anno.csv").unlink()
    assert count_by_defect(open_product(product).test_images()) == {"good": 2, "anomaly": 3}


def test_one_side_missing_of_a_labelled_data_set_is_refused(tmp_path: Path) -> None:
    product = kolektor_sdd(tmp_path)
    for item in ("kos02", "kos03"):
        save_mask(product / item / "Part1_label.bmp", value=0)
    assert "0 defective images" in refusal(product, "test_images")


def test_a_product_is_read_from_its_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(visa(tmp_path))
    product = open_product(Path())
    assert product.name == "candle"
    assert len(product.good_images()) == 5
    save_image(Path("Data/Images/Normal/0099.JPG"))
    assert "0099.JPG" in refusal(Path(), "good_images")


def test_evaluate_takes_a_product_of_every_layout(
    tmp_path: Path, write_tiny_model: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    model = write_tiny_model(tmp_path / "model")
    for name, build in BUILDERS.items():
        with pytest.raises(SystemExit) as ended:
            main(["evaluate", str(model), str(build(tmp_path / build.__name__)), "--json"])
        document = json.loads(capsys.readouterr().out)
        assert not ended.value.code
        assert document["images"] == sum(EXPECTED[name][1].values())
        assert document["defective"] == document["images"] - EXPECTED[name][1]["good"]
        assert document["pixel_ap"] is not None
        assert document["without_mask"] == (name == "BTAD")  # one of its masks is all black


def test_hidden_files_beside_the_images_are_passed_over(tmp_path: Path) -> None:
    product = mvtec_ad(tmp_path)
    before = open_product(product)
    good, test = before.good_images(), before.test_images()
    for path in list(product.rglob("*.png")):
        path.with_name(f"._{path.name}").write_bytes(b"what macOS knows of a file")
    again = open_product(product)
    assert (again.good_images(), again.test_images()) == (good, test)


def test_the_tables_of_visa_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    product = visa(tmp_path)
    expected = open_product(product).test_images()
    for table in (tmp_path / "split_csv" / "1cls.csv", product / "image_anno.csv"):
        table.write_bytes(b"\xef\xbb\xbf" + table.read_bytes())
    assert open_product(product).test_images() == expected
