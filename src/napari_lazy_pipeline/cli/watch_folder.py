"""Watch of a folder: volumes are processed as they are completed, while a microscope writes."""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import suppress
from dataclasses import replace
from time import monotonic
from typing import TYPE_CHECKING

from napari_lazy_pipeline.cli.run_recipe import (
    applied,
    format_of,
    load_recipe,
    steps_of,
    summarise,
    written,
)
from napari_lazy_pipeline.errors import (
    Cancelled,
    FileError,
    FolderError,
    LazyPipelineError,
    PatternError,
    StepError,
    sentence,
)
from napari_lazy_pipeline.image.quantity_text import format_count
from napari_lazy_pipeline.io.live.complete_volumes import ALONE, complete_volumes

if TYPE_CHECKING:
    from pathlib import Path

    from napari_lazy_pipeline.image import Stack
    from napari_lazy_pipeline.session import Recipe

_MANY = 10**6  # time points: if steps do not fit so many, they fit none
_PATIENCE = 2  # s that whoever interrupts it waits for what there is to tell
_INTERVAL = 0.5  # s between two polls, every other of which looks for new files


def watch(options: argparse.Namespace) -> int:
    """Process what is complete, and go on until Ctrl-C, or until nothing new came for so long."""
    recipe = load_recipe(options)
    if recipe.source is not None:  # files that are still written to are not complete
        source = recipe.source.model_copy(update={"complete": None})
        recipe = recipe.model_copy(update={"source": source})
    live = _Watch(recipe, options)
    try:
        for volumes in complete_volumes(live.open, live.pause):
            live.tell(volumes.result.unreachable and f"The folder {volumes.result.unreachable}")
            if volumes.new:
                live.write(volumes.stack, volumes.new)
        return live.finish()
    except Exception:
        live.tell_outdated()
        raise


class _Watch:
    """What is known of a folder that is watched."""

    def __init__(self, recipe: Recipe, options: argparse.Namespace) -> None:
        self.recipe, self.options = recipe, options
        self._stack: Stack | None = None  # what was complete last
        self._error: Exception | None = None  # why there is nothing yet
        self._last = monotonic()
        self._told = ""
        self._polls = 0  # since the folder was opened
        self._written: dict[Path, None] = {}  # by now

    def open(self) -> Stack | None:
        """Open the folder; None as long as it has no images that make a stack."""
        from napari_lazy_pipeline.exports.other_folder import open_other

        folder, self._polls = self.options.folder, 0
        try:
            return open_other(self.recipe, folder, self.options.position, self.options.trust)
        except (FolderError, PatternError, FileError) as error:
            if not os.path.isdir(folder):
                raise
            self._error = error
            self._polls = ALONE  # there is nothing to judge
            self.tell(f"Waiting: {sentence(error)}")
            return None

    def pause(self) -> bool:
        """Wait until the next poll; return whether there is none."""
        if self.options.stop.wait(_INTERVAL):
            raise Cancelled(f"what is complete is in {self.options.out}, the same command goes on")
        self._polls += 1
        idle = self.options.until_idle
        # What is there at the beginning has to be judged first.
        return idle is not None and self._polls > ALONE and monotonic() - self._last >= idle

    def tell(self, line: str) -> None:
        """Say something, once."""
        if line and line != self._told:
            print(line, file=sys.stderr, flush=True)
        self._told = line or self._told

    def write(self, stack: Stack, times: range) -> None:
        """Write time points that are complete; those that fail are told of at the end."""
        try:
            self._stack = applied(self.recipe, stack, self.options, True)
        except StepError as error:
            self._wait_for_more(stack, error)
            return
        count = format_count(self._stack.shape[0], "time point")
        self.tell(f"{count} complete")
        # A step may select time points: which of the result are new is known by the journal then.
        same = self._stack.shape[0] == stack.shape[0]
        chosen = times if same and self._error is None else None
        # Those before are looked at once, at the end: for F0, that is all files for each of them.
        report = written(self._stack, self.options.out, self.options, t=chosen, outdated=False)
        self._written |= dict.fromkeys(report.written)
        self._last, self._error = monotonic(), None

    def _wait_for_more(self, stack: Stack, error: StepError) -> None:
        """Wait for time points that steps need; raise the error if no number of them is enough."""
        steps, spec = steps_of(self.recipe, stack, self.options), stack.stack_spec
        many = steps.plan(spec.replace(times=_MANY), self.options.engine)
        if many.misfit is not None or many.waiting:
            raise error
        self._error, self._last = error, monotonic()
        self.tell(f"Waiting: {sentence(error)}")

    def tell_outdated(self) -> None:
        """Tell what there is to tell of what is written, if it is not finished."""
        from napari_lazy_pipeline.exports.export import export

        if self._stack is None:
            return
        end = monotonic() + _PATIENCE
        with suppress(LazyPipelineError, OSError):
            report = export(
                self._stack, self.options.out, t=(), **format_of(self.options),
                cancelled=lambda: monotonic() > end,
            )  # fmt: skip
            self.tell("\n".join(report.remark_lines))

    def finish(self) -> int:
        """Write once more what is missing, also of files that were replaced meanwhile."""
        if self._stack is None:
            if self._error is not None:
                raise self._error
            what = "There was no complete volume"
            raise FolderError(what, self.options.folder, "Wait longer, by --until-idle")
        report = written(self._stack, self.options.out, self.options)
        # What this watch wrote was not there already when it began.
        made = self._written | dict.fromkeys(report.written)
        kept = tuple(path for path in report.kept if path not in made)
        return summarise(replace(report, written=tuple(made), kept=kept))
