"""Function panel: chooses the function of a step, asks whether it may run, and follows its file."""

from __future__ import annotations

import ast
from collections.abc import Hashable
from contextlib import suppress
from pathlib import Path

from qtpy.QtCore import QSignalBlocker, QTimer
from qtpy.QtWidgets import QCheckBox, QFileDialog, QWidget

from napari_lazy_pipeline._gui.steps.card_tools import StepReference
from napari_lazy_pipeline._gui.widgets.background_task import BackgroundTask
from napari_lazy_pipeline._gui.widgets.choice import combo_box
from napari_lazy_pipeline._gui.widgets.layout import column, push_button, row
from napari_lazy_pipeline._gui.widgets.text import Sentence
from napari_lazy_pipeline._runtime.regular_file import read_text
from napari_lazy_pipeline.errors import LazyPipelineError
from napari_lazy_pipeline.steps._function_trial import NotTriedError
from napari_lazy_pipeline.steps._identity import file_state
from napari_lazy_pipeline.steps._user_code import allow_code, is_allowed
from napari_lazy_pipeline.steps.function import Function

# What may happen where a Python file is read without being run.
_UNREADABLE = (OSError, SyntaxError, ValueError, RecursionError, MemoryError)
_INTERVAL = 500  # ms between two looks at the file


class FunctionPanel(QWidget):
    """Chooses the function of a step; a function of a file is loaded anew when that is saved."""

    works_folded = True  # it tries the function, and follows its file

    def __init__(self, step: StepReference) -> None:
        super().__init__()
        self._step, self._session = step, step.session
        self.from_file = push_button(
            "From a file…",
            "Choose a Python file of yours, and let its function run; "
            "when you save the file, the picture follows",
            self._on_choose,
        )
        self.names = combo_box("Function in the file", "The functions in the file")
        self.names.activated.connect(self._on_name)
        self.confirm = QCheckBox("I know this code, it may run")
        self.confirm.setToolTip("The function is called for every volume, with all your rights")
        self.confirm.clicked.connect(self._on_confirm)
        self.sentence = Sentence()
        column(
            row(self.from_file, (self.names, 1)), self.confirm, self.sentence,
            parent=self, margins=(4, 0, 4, 4),
        )  # fmt: skip
        self.trial, self._poll = BackgroundTask(), BackgroundTask()
        self.trial.finished.connect(lambda _: self._session.refresh())
        self._poll.finished.connect(self._on_state)
        self._last_state: Hashable = None
        self._state: Hashable = None
        self._timer = QTimer(self, interval=_INTERVAL)
        self._timer.timeout.connect(self._on_timeout)
        step.follow(self, self._show)

    @property
    def path(self) -> str:
        """The Python file; empty if the function is of no file."""
        step = self._step.step
        return next(step.files(), "") if isinstance(step, Function) else ""

    def _show(self, *_: object) -> None:
        """Show the function of the step, and try it where that is needed."""
        step = self._step.step
        if not isinstance(step, Function):
            return
        name = step.function if isinstance(step.function, str) else ""
        self.confirm.setVisible(bool(name))
        self.confirm.setChecked(is_allowed(name))
        self.names.setVisible(bool(self.path))
        state = step.function, self.confirm.isChecked(), self._state
        if state != self._last_state:
            self._last_state = state
            self._show_function(step)
        if self.path and not self._timer.isActive():
            self._state = None
            self._timer.start()
        elif not self.path:
            self._timer.stop()
        self._try()

    def _show_function(self, step: Function) -> None:
        """Show its arguments, and its name among those in its file."""
        try:
            function = step.loaded()
        except LazyPipelineError:
            function = None  # the card says why
        self._step.form.fields["arguments"].control.set_function(function)
        # While the file has a fault, which the card names, the names stay.
        with QSignalBlocker(self.names), suppress(*_UNREADABLE):
            names = _functions_in(self.path) if self.path else []
            self.names.clear()
            self.names.addItems(names)
            self.names.setCurrentText(step.label)

    def _try(self) -> None:
        """Find out what the function makes, if that is what the steps wait for."""
        plan, index = self._session.plan, self._step.index
        misfit = plan.misfit if plan is not None else None
        cause = misfit.__cause__ if misfit is not None and misfit.index == index else None
        if isinstance(cause, NotTriedError):
            self.sentence.say("Trying it on a made-up volume…")
            self.trial.start(str(self._last_state), lambda _: cause.try_it())
        elif self.path:
            self.sentence.say(f"Loaded anew when {Path(self.path).name} is saved")
        else:
            self.sentence.say("")

    def _on_choose(self) -> None:
        start = str(Path(self.path).parent) if self.path else ""
        path, _ = QFileDialog.getOpenFileName(
            self, "Choose a Python file", start, "Python (*.py);;All files (*)"
        )
        if path:
            self.choose(path)

    def choose(self, path: str) -> None:
        """Take the first function of a file, and let it run."""
        file = Path(path).name
        try:
            names = _functions_in(path)
        except SyntaxError as error:
            problem = f"{file}, line {error.lineno}: {error.msg}. Mend it, and choose it again"
        except (OSError, ValueError) as error:
            problem = f"{file} cannot be read: {error}"
        else:
            if names:
                self._set_function(f"{path}:{names[0]}")
                return
            problem = f"There is no function in {file}: write one, and choose it again"
        self.sentence.say(problem)

    def _on_name(self, _: int) -> None:
        self._set_function(f"{self.path}:{self.names.currentText()}")

    def _set_function(self, name: str) -> None:
        allow_code(name)
        self._step.edit(function=name, arguments={}, enabled=True)

    def _on_confirm(self, on: bool) -> None:
        step = self._step.step
        if isinstance(step, Function) and isinstance(step.function, str):
            allow_code(step.function, on)
            self._session.refresh()

    def _on_timeout(self) -> None:
        path = self.path
        if not path:
            self._timer.stop()
        elif not self._poll.busy:
            self._poll.start(path, lambda _: (path, file_state(path)))

    def _on_state(self, result: tuple[str, Hashable]) -> None:
        before, self._state = self._state, result
        # Also after the first look: the file may have been saved since it was loaded.
        if before != result and result[0] == self.path:
            self._session.refresh()


def _functions_in(path: str) -> list[str]:
    """Names of the functions of a Python file, which is not run."""
    code = ast.parse(read_text(path))
    named = (node.name for node in code.body if isinstance(node, ast.FunctionDef))
    return [name for name in named if not name.startswith("_")]
