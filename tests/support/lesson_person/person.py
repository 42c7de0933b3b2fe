"""A person who takes the lesson with mouse and keyboard, and writes down what is on screen."""

from __future__ import annotations

import json
import os
import re
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from qtpy.QtCore import QPoint, Qt, QThread, QTimer
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QAbstractButton, QApplication, QScrollArea, QTabBar, QWidget

Left, Key = Qt.MouseButton.LeftButton, Qt.Key
PATIENCE = 60_000  # ms


def sit_down() -> None:
    """Begin once the window is there, and the program does nothing but wait for a person."""
    panel = _of("LessonPanel") if QThread.currentThread().loopLevel() else None
    if panel is not None and panel.isVisible():
        take_the_lesson()
    else:
        QTimer.singleShot(200, sit_down)


def take_the_lesson() -> None:
    """From the first exercise to the last; then close the window."""
    notes = Path(os.environ["LESSON_PERSON"])
    seen: list[dict[str, Any]] = []
    error = ""
    try:
        person = Person()
        for exercise in EXERCISES:
            seen.append(exercise(person))
            if exercise is not EXERCISES[-1]:
                person.click(person.lesson.next)
    except Exception:  # noqa: BLE001 - whatever it is, the test has to hear of it
        error = traceback.format_exc()
    text = json.dumps({"seen": seen, "error": error})
    notes.with_suffix(".part").write_text(text, encoding="utf-8")
    notes.with_suffix(".part").replace(notes)
    for window in QApplication.topLevelWidgets():
        window.close()


class Person:
    """Looks for what is in sight, clicks, types, and waits until the picture is there."""

    def __init__(self) -> None:
        self.lesson, self.dock = _of("LessonPanel"), _of("LazyPipelineWidget")
        self.window = self.lesson.window()
        self.window.resize(1366, 740)
        QTest.qWait(500)

    def begin(self) -> dict[str, Any]:
        """Read the task, set the scene, and read the question; what was read."""
        self.click(self.lesson.set_scene)
        self.settle()
        assert self.lesson.error.isHidden(), self.lesson.error.text()
        return {"title": self.lesson.title.text(), "question": self.lesson.question.text()}

    def answer(self, notes: dict[str, Any], **figures: float) -> dict[str, Any]:
        """Unfold the answer; the notes with that and with what was found."""
        assert not self.lesson.text.isVisible(), "the answer is still folded"
        self.click(self.lesson.answer.heading)
        until(self.lesson.text.isVisible)
        shown = {"answer": self.lesson.text.text(), "figures": self.lesson.figures.text()}
        return notes | shown | {"found": figures}

    def settle(self) -> None:
        """Wait until the picture is what the steps make, and the monitor tells of it."""
        QTest.qWait(300)
        until(lambda: bool(self.dock.idle))
        QTest.qWait(500)

    def click(self, widget: QWidget, place: QPoint | None = None) -> None:
        """Click on a widget, which has to be in sight, and not covered."""
        until(lambda: widget.isVisible() and widget.isEnabled())
        for area in _parents(widget, QScrollArea):
            area.ensureWidgetVisible(widget)
        QTest.qWait(50)
        place = place or widget.rect().center()
        there = widget.window().childAt(widget.mapTo(widget.window(), place))
        assert there is widget or widget.isAncestorOf(there), f"{there} covers {widget}"
        QTest.mouseClick(widget, Left, pos=place)

    def type(self, editor: QWidget, text: str) -> None:
        """Replace what is in a field."""
        self.click(editor)
        QTest.keyClick(editor, Key.Key_A, Qt.KeyboardModifier.ControlModifier)
        QTest.keyClicks(editor, text)
        QTest.keyClick(editor, Key.Key_Return)

    def card(self, kind: str) -> Any:
        """The card of a step, unfolded."""
        card = next(card for card in self.dock.steps.cards if card.step.kind == kind)
        if not card.unfold.isChecked():
            self.click(card.unfold)
        return card

    def set(self, kind: str, field: str, text: str) -> None:
        """Type a value of a step."""
        self.type(self.card(kind).form.fields[field].editors[0], text)
        self.settle()

    def choose(self, kind: str, field: str, value: str) -> None:
        """Choose one of the words of a field."""
        editor = self.card(kind).form.fields[field].editors[0]
        if hasattr(editor, "buttons"):
            self.click(editor.buttons[value])
        else:
            self.click(editor)
            until(editor.view().isVisible)
            index = next(i for i in range(editor.count()) if editor.itemData(i) == value)
            for key in (Key.Key_Home, *[Key.Key_Down] * index, Key.Key_Return):
                QTest.keyClick(editor.view(), key)
        until(lambda: getattr(self.card(kind).step, field) == value)
        self.settle()

    def press(self, words: str, within: QWidget) -> None:
        """Press the button of these words."""
        buttons = within.findChildren(QAbstractButton)
        self.click(next(b for b in buttons if b.text() == words and b.isVisible()))

    def turn_time(self, step: int) -> None:
        """Press the arrow at an end of the time slider: 1 for the next time point, else -1."""
        sliders = [one for one in QApplication.allWidgets() if _is(one, "QtDimSliderWidget")]
        slider = next(one.slider for one in sliders if one.isVisible() and one.axis == 0)
        wanted = self.dock.viewer.dims.current_step[0] + step
        self.click(slider, QPoint(slider.width() - 6 if step > 0 else 6, slider.height() // 2))
        until(lambda: self.dock.viewer.dims.current_step[0] == wanted)
        self.settle()

    def turn_3d(self) -> None:
        """Press the cube, which is below the list of layers, and come back to the lesson."""
        self.turn_to("layer list")
        self.click(_of("QtViewerButtons").ndisplayButton)
        self.turn_to("Lesson")
        self.settle()

    def turn_to(self, title: str) -> None:
        """Press the tab of a dock."""
        for bar in self.window.findChildren(QTabBar):
            for index in range(bar.count()):
                if bar.isVisible() and bar.tabText(index).startswith(title):
                    self.click(bar, bar.tabRect(index).center())
                    return
        raise LookupError(f"There is no tab {title}")

    @property
    def monitor(self) -> Any:
        return _of("LazinessMonitor")

    def number(self, name: str, which: int = 0) -> int:
        """A number in a row of the monitor; the first is what was done."""
        QTest.qWait(400)  # it looks from time to time
        return int(re.findall(r"\d+", self.monitor.values[name].text())[which])


def nothing_was_read(person: Person) -> dict[str, Any]:
    notes = person.begin()
    read, volumes = person.number("Read"), person.number("Read", 1)
    chunks = int(re.findall(r"dask sees (\d+) chunks", person.monitor.dask.text())[0])
    on_screen = len(person.dock.viewer.layers)
    person.click(person.monitor.reset)
    assert "nothing was read" in person.monitor.headline.text()
    return person.answer(
        notes,
        **{
            "volumes": volumes,
            "chunks of dask": chunks,
            "volumes read to set it up": read - on_screen,
            "volumes read for the picture": read,
        },
    )


def one_chunk(person: Person) -> dict[str, Any]:
    notes = person.begin()
    read, deskewed = person.number("Read"), person.number("Deskew")
    person.turn_time(1)
    there, made = person.number("Read"), person.number("Deskew")
    person.turn_time(-1)
    return person.answer(
        notes,
        **{
            "volumes read one time point further": there - read,
            "chunks deskewed one time point further": made - deskewed,
            "volumes read on the way back": person.number("Read") - there,
        },
    )


def one_change(person: Person) -> dict[str, Any]:
    notes = person.begin()
    person.click(person.monitor.reset)
    person.set("deskew", "angle", "33")
    kept = [node for node in person.monitor.graph.graph.nodes if node.detail == "cached"]
    assert {node.text for node in kept} == {"Subtract background"}
    fused = int(re.findall(r"Fused by dask, (\d+) task", person.monitor.dask.text())[0])
    return person.answer(
        notes,
        **{
            "volumes read again": person.number("Read"),
            "backgrounds subtracted again": person.number("Subtract background"),
            "chunks deskewed again": person.number("Deskew"),
            "tasks of dask for a chunk": fused / len(person.dock.viewer.layers),
        },
    )


def angle(person: Person) -> dict[str, Any]:
    from napari_lazy_pipeline.lesson.angle import _ends

    def distance() -> float:
        """Between two vesicles along x, in the picture."""
        (layer, *_), places = person.dock.viewer.layers, []
        for plane, row, _ in _ends():
            person.dock.viewer.dims.set_current_step(1, plane)
            person.settle()
            places.append(int(np.argmax(_shown(layer)[row])))
        return abs(places[1] - places[0]) * float(layer.scale[-1])

    notes = person.begin()
    true = distance()
    person.press("Estimate angle", person.card("deskew"))
    panel = _of("AnglePanel")
    until(lambda: bool(panel.proposals))
    person.click(panel.proposals[0])
    person.settle()
    found = float(person.dock.session.scan.angle)
    person.set("deskew", "angle", "45")
    return person.answer(
        notes,
        **{
            "angle that Estimate finds": found,
            "distance of two vesicles along x": true,
            "distance at 45°": distance(),
        },
    )


def deconvolution(person: Person) -> dict[str, Any]:
    from napari_lazy_pipeline.compute import Pipeline
    from napari_lazy_pipeline.lesson import deconvolution as lesson

    notes, found, session = person.begin(), dict[str, float](), person.dock.session
    deskew = [step for step in session.pipeline.steps if step.kind == "deskew"]
    truth = Pipeline(deskew).run_volume(lesson.sharp_light(), session.stack.spec)
    person.choose("deconvolve", "method", "rl")
    person.turn_3d()
    for how in ("5 iterations", "30 iterations", "100 iterations", "automatic"):
        if how == "automatic":
            person.choose("deconvolve", "method", "auto")
        else:
            person.set("deconvolve", "iterations", how.split()[0])
        for c, photons in enumerate((60, 2000)):
            volume = _shown(person.dock.viewer.layers[c])
            size = session.source().spec.voxel_size
            found |= lesson._figures(how, photons, *lesson._compared(volume, truth, size))
    return person.answer(notes, **found)


def eager(person: Person) -> dict[str, Any]:
    notes, out = person.begin(), Path(os.environ["LESSON_PERSON"]).parent / "everything"
    person.turn_3d()
    read = person.number("Read")
    size = float(re.findall(r"fill ([\d.]+) MB", person.monitor.eager.text())[0])
    person.click(person.dock.save.process_all)
    process = person.dock.save.process
    person.type(process.form.fields["folder"].editors[0], str(out))
    person.click(process.start)
    until(lambda: "volumes written" in process.state.text())
    written = [tifffile.imread(path) for path in sorted(out.glob("*.tif"))]
    return person.answer(
        notes,
        **{
            "volumes read until it is known": read,
            "size of everything": size,
            "files that the export writes": len(written),
            "size of their pixels": sum(volume.nbytes for volume in written) / 1e6,
        },
    )


EXERCISES = nothing_was_read, one_chunk, one_change, angle, deconvolution, eager


def until(condition: Callable[[], bool]) -> None:
    """Wait, with the window at work."""
    for _ in range(PATIENCE // 50):
        if condition():
            return
        QTest.qWait(50)
    raise TimeoutError(f"Waited for {PATIENCE} ms")


def _shown(layer: Any) -> np.ndarray:
    """The pixels that napari shows of a layer."""
    return np.asarray(getattr(layer, "__wrapped__", layer)._slice.image.raw)


def _is(widget: QWidget, name: str) -> bool:
    return type(widget).__name__ == name


def _of(name: str) -> Any:
    return next((widget for widget in QApplication.allWidgets() if _is(widget, name)), None)


def _parents(widget: QWidget, kind: type) -> list[Any]:
    found, parent = [], widget.parentWidget()
    while parent is not None:
        found += [parent] if isinstance(parent, kind) else []
        parent = parent.parentWidget()
    return found
