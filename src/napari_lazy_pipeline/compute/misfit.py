"""Misfit: why a step does not fit the stack it meets, as an error that names the step."""

from __future__ import annotations

import sysconfig
import traceback
from pathlib import Path

from napari_lazy_pipeline.errors import IncompleteError, LazyPipelineError, StepError
from napari_lazy_pipeline.steps._base import Step

# Python, the packages installed, this package; and code without a file.
_INSTALLED = (sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib"))
_OF_OTHERS = (*_INSTALLED, str(Path(__file__).parents[1]), "<")


def misfit_of(error: Exception, index: int, step: Step) -> StepError:
    """Say on a step why it does not fit what it meets, or what it waits for."""
    known = error if isinstance(error, LazyPipelineError) else None
    what = known.what if known else f"{type(error).__name__}: {error}"
    where, hint = (known.where, known.hint) if known else (line_of(error), "")
    verb = "waits" if isinstance(error, IncompleteError) else "does not fit"
    misfit = StepError(f"{step.label} {verb}: {what}", where, hint, step.kind, index)
    misfit.__cause__ = error
    return misfit


def line_of(error: BaseException) -> str:
    """Return where an error that was raised comes from, if that is a file of a person's own."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not frame.filename.startswith(_OF_OTHERS)]
    return f"{own[-1].filename}, line {own[-1].lineno}" if own else ""
