"""Many random walks: ``python -m tests.gui.invariants 500``, or ``100:600`` for these seeds."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

if __name__ == "__main__":
    os.environ["LAZY_PIPELINE_WALKS"] = sys.argv[1] if len(sys.argv) > 1 else "500"
    sys.exit(pytest.main(["-q", "-m", "gui", "--tb=line", str(Path(__file__).parent)]))
