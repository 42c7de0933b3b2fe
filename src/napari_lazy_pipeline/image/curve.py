"""Curve: values over a range, as lines and dots with their units, to be drawn by whoever can."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

Series = tuple[np.ndarray, np.ndarray]  # x and y, of the same length; NaN is a gap
Range = tuple[float, float]


@dataclass(frozen=True, eq=False)
class Curve:
    """What one plot shows; a line and dots of one name belong together, and share a colour.

    Attributes
    ----------
    title
        What is shown, in a few words.
    x_label, y_label
        Quantities along the axes, with their units: ``"Time (min)"``.
    lines
        Name and values of what is drawn as a line.
    dots
        Name and values of what is drawn as single points.

    Raises
    ------
    ValueError
        If x and y of a series are not one-dimensional and of the same length.

    Examples
    --------
    >>> t = np.arange(4.0)
    >>> drift = Curve("Drift", "Time (min)", "Shift (µm)", {"x": (t, 0.5 * t)})
    >>> drift.x_range, drift.y_range
    ((0.0, 3.0), (0.0, 1.5))
    """

    title: str
    x_label: str
    y_label: str
    lines: Mapping[str, Series] = field(default_factory=dict)
    dots: Mapping[str, Series] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, (x, y) in (*self.lines.items(), *self.dots.items()):
            if np.ndim(x) != 1 or np.shape(x) != np.shape(y):
                raise ValueError(f"{name}: {np.shape(x)} values of x for {np.shape(y)} of y")

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all that is drawn, each once."""
        return tuple(dict.fromkeys((*self.lines, *self.dots)))

    @property
    def x_range(self) -> Range:
        """Least and largest x of the finite points; (0, 1) if there are none."""
        return self._range(0)

    @property
    def y_range(self) -> Range:
        """Least and largest y of the finite points; (0, 1) if there are none."""
        return self._range(1)

    def at(self, x: float) -> dict[str, tuple[float, float]]:
        """The finite point nearest to x, of each name; of a line with dots, the dot.

        Examples
        --------
        >>> curve = Curve("", "", "", {"a": (np.array([0.0, 1.0]), np.array([5.0, 7.0]))})
        >>> curve.at(0.8)
        {'a': (1.0, 7.0)}
        """
        nearest = {}
        for name in self.names:
            xs, ys = _finite(self.dots.get(name) or self.lines[name])
            if len(xs):
                index = int(np.abs(xs - x).argmin())
                nearest[name] = float(xs[index]), float(ys[index])
        return nearest

    def in_words(self) -> str:
        """The ranges of all series, for those who cannot see them."""
        lines = [f"{self.title}: {self.y_label} over {self.x_label}"]
        for name in self.names:
            x, y = _finite(self.dots.get(name) or self.lines[name])
            if len(x):
                reach = f"{y.min():.3g} to {y.max():.3g} for {x.min():.3g} to {x.max():.3g}"
                lines.append(f"{name}: {reach}")
        return "\n".join(lines)

    def _range(self, axis: int) -> Range:
        series = (*self.lines.values(), *self.dots.values())
        values = np.concatenate([np.empty(0), *(_finite(one)[axis] for one in series)])
        return (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Round numbers between two values, at most so many: multiples of 1, 2 or 5 times 10^n.

    Examples
    --------
    >>> ticks(0, 1), ticks(-0.13, 0.17, 4)
    ([0.0, 0.5, 1.0], [-0.1, 0.0, 0.1])
    """
    if not low < high:
        return [low]
    power = 10.0 ** math.floor(math.log10((high - low) / most))
    for step in (power, 2 * power, 5 * power, 10 * power, 20 * power):
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        if last - first < most:
            return [
                round(k * step, 12 - math.floor(math.log10(step))) for k in range(first, last + 1)
            ]
    return [low, high]


def _finite(series: Series) -> tuple[np.ndarray, np.ndarray]:
    x, y = (np.asarray(values, float) for values in series)
    known = np.isfinite(x) & np.isfinite(y)
    return x[known], y[known]
