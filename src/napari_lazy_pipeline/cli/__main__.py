"""Program: what ``python -m napari_lazy_pipeline.cli`` runs."""

from __future__ import annotations

import sys

from napari_lazy_pipeline.cli import main

if __name__ == "__main__":
    sys.exit(main())
