"""The command line: look at a folder, list the steps, run a recipe over everything."""

from __future__ import annotations

# Until the signals are taken, nothing is imported that can wait, the module typing included.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from threading import Event

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command: the words after the name of the program, or those it was called with.

    Returns 0 if all went well, 1 if volumes are missing, 2 if the command cannot be carried out,
    130 if it was interrupted. Called without words, it is the program: it takes the signals of
    the process, and SIGTERM gives 143.
    """
    from napari_lazy_pipeline.cli.interruption import Interruption

    if arguments is None:
        return Interruption().run(_program)
    from napari_lazy_pipeline.cli.command_line import perform

    return perform(arguments)


def _program(stop: Event) -> int:
    from napari_lazy_pipeline.cli.command_line import perform, tell_warnings

    tell_warnings()
    return perform(None, stop)
