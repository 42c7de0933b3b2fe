"""`python -m napari_lazy_pipeline` is the command line."""

import sys

from napari_lazy_pipeline.cli import main

if __name__ == "__main__":
    sys.exit(main())
