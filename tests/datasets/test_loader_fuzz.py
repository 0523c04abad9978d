"""Thousands of damaged data sets: whatever happens to a file, a folder is read or one clear line says why not."""

from pathlib import Path

import pytest
from distributed import BUILDERS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mutations import Damage, damages, files_below

from line_inspector.datasets.labelled_image import read_mask
from line_inspector.datasets.layouts import open_product
from line_inspector.errors import InputError
from line_inspector.images import IMAGE_SUFFIXES, read_image

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::RuntimeWarning")  # Pillow on damaged pictures


def read_all(product: Path, damaged: Path) -> None:
    """Everything that training and evaluation read of a product; of its pictures, the damaged one."""
    opened = open_product(product)
    good, test = opened.good_images(), opened.test_images()
    assert good and test
    if damaged.suffix.lower() in IMAGE_SUFFIXES and damaged.exists():
        read_image(damaged)
        read_mask(damaged, (24, 32), 64)


@pytest.mark.parametrize("layout", BUILDERS)
@pytest.mark.parametrize("examples", [200, pytest.param(3_000, marks=pytest.mark.slow)])
def test_a_damaged_file_ends_in_one_line_or_is_read(tmp_path: Path, layout: str, examples: int) -> None:
    product = BUILDERS[layout](tmp_path)
    files = files_below(tmp_path)
    names = list(files) + 8 * [path for path in files if path.suffix == ".csv"]
    refused = 0

    @settings(
        max_examples=examples, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    @given(damages(), st.integers(0, 2**16), st.booleans())
    def check(damage: Damage, choice: int, lost: bool) -> None:
        nonlocal refused
        path = names[choice % len(names)]
        if lost and damage.kind == "truncate":
            path.unlink()
        else:
            path.write_bytes(damage.of(files[path], list(files.values())))
        try:
            read_all(product, path)
        except InputError as e:
            assert "\n" not in str(e)
            refused += 1
        finally:
            path.write_bytes(files[path])

    check()
    assert refused > examples / 10
    read_all(product, next(iter(files)))
