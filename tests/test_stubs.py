from __future__ import annotations

import ast

import pytest
import stubs

from mpsnn import _core


def test_the_committed_stubs_are_those_of_the_native_module() -> None:
    pytest.importorskip("pybind11_stubgen")
    assert not stubs.differences(), "run: python tests/stubs.py --write"


def test_the_folder_of_stubs_does_not_hide_the_native_module() -> None:
    assert _core.__file__ is not None
    assert not _core.__file__.endswith(".pyi")


def test_every_name_in_the_stubs_exists() -> None:
    tree = ast.parse(stubs.committed()["__init__.pyi"])
    names = {n.name for n in tree.body if isinstance(n, ast.ClassDef | ast.FunctionDef)}
    assert names
    assert not {n for n in names if not hasattr(_core, n)}
