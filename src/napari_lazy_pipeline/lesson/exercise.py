"""Exercise: a scene, a question about it, and the answer with numbers that can be measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from napari_lazy_pipeline.lesson.scene import Scene


@dataclass(frozen=True)
class Figure:
    """A number of an answer, as it follows from what is known of the sample."""

    name: str  # what it is
    value: float
    unit: str = ""
    within: float = 0.0  # how far a measurement may be from it

    def __str__(self) -> str:
        return f"{self.name}: {self.amount}"

    @property
    def amount(self) -> str:
        """Return the number as text."""
        about = "about " if self.within else ""
        return f"{about}{self.value:.4g}{' ' * bool(self.unit)}{self.unit}"


@dataclass(frozen=True)
class Exercise:
    """One of the exercises of the lesson.

    Attributes
    ----------
    title, minutes
        What it shows, and how long it takes.
    scene
        What is open, and which steps are on, when it begins.
    task, question, answer
        What to do, what to find out by that, and what comes out.
    figures
        The numbers of the answer.
    measure
        Does the task without a window, with the sample in a folder; each figure by its name.
    """

    title: str
    minutes: int
    scene: Scene
    task: str
    question: str
    answer: str
    figures: tuple[Figure, ...]
    measure: Callable[[Path], Mapping[str, float]]

    def figure_lines(self) -> list[str]:
        """The numbers as text: those that differ in the last words of their names share a line."""
        lines = dict[str, list[str]]()
        for figure in self.figures:
            about, comma, last = figure.name.rpartition(", ")
            parts = lines.setdefault(about if comma else figure.name, [])
            parts.append(f"{last} {figure.amount}" if comma else figure.amount)
        return [f"{about}: {', '.join(parts)}" for about, parts in lines.items()]
