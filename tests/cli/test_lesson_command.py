"""The command `lesson`: text without a window, and one sentence where there cannot be one."""

from __future__ import annotations

import subprocess
import sys
import threading
from typing import Any

import pytest

from napari_lazy_pipeline import cli
from napari_lazy_pipeline.cli import lesson as command
from napari_lazy_pipeline.cli.command_line import perform
from napari_lazy_pipeline.errors import Cancelled
from napari_lazy_pipeline.lesson import EXERCISES, lesson_text


def test_the_text(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["lesson", "--text"]) == 0
    assert capsys.readouterr().out == lesson_text() + "\n"
    assert EXERCISES[0].answer in lesson_text()


def test_without_a_display(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("napari", reason="it is asked for first")
    monkeypatch.setattr(sys, "platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    assert cli.main(["lesson"]) == 2
    said = capsys.readouterr().err
    assert "There is no display" in said and "lesson --text" in said


def test_napari_is_asked_for_the_lesson_and_ended_with_the_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("napari", reason="it is asked for first")
    asked: list[list[str]] = []
    begun: list[subprocess.Popen[bytes]] = []
    popen = subprocess.Popen

    def stand_in(words: list[str], **options: Any) -> subprocess.Popen[bytes]:
        asked.append(words)
        begun.append(popen([sys.executable, "-c", "import time; time.sleep(60)"]))
        return begun[0]

    monkeypatch.setattr(command, "_has_display", lambda: True)
    monkeypatch.setattr(subprocess, "Popen", stand_in)
    stop = threading.Event()
    stop.set()
    with pytest.raises(Cancelled):
        perform(["lesson"], stop)
    assert asked[0][1:] == ["-m", "napari", "--with", "napari-lazy-pipeline", "Lesson"]
    assert begun[0].poll() not in (None, 0)
