"""Which layout a folder has, and which products lie under it."""

import os
from collections.abc import Sequence
from pathlib import Path

from line_inspector.datasets.btad import BTAD
from line_inspector.datasets.kolektor_sdd import KOLEKTOR_SDD
from line_inspector.datasets.kolektor_sdd_2 import KOLEKTOR_SDD_2
from line_inspector.datasets.mvtec_ad import MVTEC_AD
from line_inspector.datasets.mvtec_ad_2 import MVTEC_AD_2
from line_inspector.datasets.product import Layout, Product
from line_inspector.datasets.visa import VISA
from line_inspector.errors import InputError

# The first that recognises a folder has it: MVTec AD 2 also has train/good, which MVTec AD is known by.
LAYOUTS = (VISA, MVTEC_AD_2, BTAD, KOLEKTOR_SDD, KOLEKTOR_SDD_2, MVTEC_AD)
DEEPEST = 4  # folders between a root and a product; data sets come in archives within folders


def layout_of(folder: Path) -> Layout | None:
    """The layout of which `folder` is a product; None where it is no product of a known one."""
    return next((layout for layout in LAYOUTS if layout.is_product(folder)), None)


def open_product(folder: Path) -> Product:
    """The product in `folder`, named after it. Raises InputError where there is none."""
    if not folder.is_dir():
        raise InputError("no such folder", str(folder), "Check the path.")
    layout = layout_of(folder)
    if layout is None:
        raise InputError("no product of a data set in a known layout", str(folder), _remedy(folder))
    return Product(folder.resolve().name, layout, folder)


def find_products(roots: Sequence[Path]) -> list[Product]:
    """Every product under the roots, by name: its folder's, with those above it up to the root.

    A root that is itself a product is named after its folder. Raises InputError for a root without products, and for
    two products of one name.
    """
    found = [product for root in roots for product in _under(root)]
    names = [product.name for product in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        places = " and ".join(str(product.folder) for product in found if product.name == twice[0])
        raise InputError(f"two products are called {twice[0]}", places, "Name the folder above both as the root.")
    return sorted(found, key=lambda product: product.name)


def _under(root: Path) -> list[Product]:
    if not root.is_dir():
        raise InputError("no such folder", str(root), "Check the path.")
    if layout_of(root) is not None:
        return [open_product(root)]
    found = _below(root, root, DEEPEST)
    if not found:
        raise InputError("no data set in a known layout", str(root), f"Known are {_known()}.")
    return found


def _below(root: Path, folder: Path, deepest: int) -> list[Product]:
    found = []
    for path in sorted(folder.iterdir()):
        if path.is_dir() and not path.name.startswith(".") and os.access(path, os.R_OK | os.X_OK):  # lost+found is not
            layout = layout_of(path)
            if layout is not None:
                found.append(Product(path.relative_to(root).as_posix(), layout, path))
            elif deepest > 1:
                found += _below(root, path, deepest - 1)
    return found


def _remedy(folder: Path) -> str:
    inside = _below(folder, folder, DEEPEST)
    if inside:
        return f"Name one product's folder, such as {inside[0].folder}."
    return f"Lay it out like MVTec AD: test/good, test/<defect>, ground_truth/<defect>. Known are {_known()}."


def _known() -> str:
    return ", ".join(layout.name for layout in LAYOUTS)
