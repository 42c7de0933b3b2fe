"""The real command, in a process of its own: a person takes the lesson from start to end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import lesson_person
from napari_lazy_pipeline.lesson import EXERCISES

# What no window shows: the chain of map_blocks is one to think of.
NOT_IN_SIGHT = {
    "volumes that map_blocks reads again", "backgrounds that map_blocks subtracts again",
}  # fmt: skip


@pytest.mark.timeout(420)
def test_a_person_takes_it_from_start_to_end(tmp_path: Path) -> None:
    """Button, question, numbers and answer of all six exercises, by mouse and keyboard."""
    notes, log = tmp_path / "notes.json", tmp_path / "log.txt"
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(lesson_person.FOLDER), *sys.path]),
        "LESSON_PERSON": str(notes),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "NAPARI_CONFIG": str(tmp_path / "settings.yaml"),
        "HOME": str(tmp_path),
    }
    command = [sys.executable, "-m", "napari_lazy_pipeline", "lesson"]
    with log.open("w") as file:
        ended = subprocess.run(
            command, env=environment, stdout=file, stderr=file, timeout=400, check=False
        )
    said = log.read_text()
    assert notes.exists(), said
    report = json.loads(notes.read_text(encoding="utf-8"))
    assert not report["error"], report["error"] + said
    assert ended.returncode == 0, said
    assert "Traceback" not in said, said
    for number, (seen, exercise) in enumerate(zip(report["seen"], EXERCISES, strict=True), 1):
        assert seen["title"].startswith(f"{exercise.title} ({number} of 6, ")
        assert (seen["question"], seen["answer"]) == (exercise.question, exercise.answer)
        assert seen["figures"] == "\n".join(exercise.figure_lines())
        expected = {one.name: one for one in exercise.figures if one.name not in NOT_IN_SIGHT}
        assert seen["found"].keys() == expected.keys()
        for name, figure in expected.items():
            # A window shows three digits.
            bound = max(figure.within, 0.005 * abs(figure.value))
            assert seen["found"][name] == pytest.approx(figure.value, abs=bound), name
