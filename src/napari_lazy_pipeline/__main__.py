"""`python -m napari_lazy_pipeline` is the command line."""

import sys

from napari_lazy_pipeline.cli import main

sys.exit(main())
