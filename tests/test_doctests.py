"""The examples in the docstrings of the core give what they say."""

from __future__ import annotations

import doctest
import importlib

import pytest

from package_files import core_files, module_name

EXAMPLES = [path for path in core_files() if ">>>" in path.read_text("utf-8")]


@pytest.mark.parametrize("name", [module_name(path) for path in EXAMPLES])
def test_examples(name: str) -> None:
    result = doctest.testmod(importlib.import_module(name))
    assert result.failed == 0 and result.attempted > 0
