"""Sweep: what a pipeline makes of a stack for each of several values, as one lazy array."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_lazy_pipeline.compute.common_grid import CommonGrid
from napari_lazy_pipeline.compute.parameter import Parameter, Steps
from napari_lazy_pipeline.errors import GeometryError
from napari_lazy_pipeline.image import Stack, VolumeSource, VolumeSpec
from napari_lazy_pipeline.image.html_table import html_table, on_one_line
from napari_lazy_pipeline.image.stack import lazy_array

if TYPE_CHECKING:
    import dask.array as da

_AXES = ("t", "c", "z", "y", "x")


@dataclass(frozen=True, repr=False)
class Sweep:
    """The results of a pipeline for each of several values of its parameters.

    Results of different shapes or places lie on a common grid, each where it is in the sample.

    Attributes
    ----------
    values
        The values of each parameter, by its name.
    results
        The processed stack of each combination, the values of the last parameter first.
    """

    values: Mapping[str, tuple[Any, ...]]
    results: tuple[Stack, ...]

    @property
    def axis_labels(self) -> tuple[str, ...]:
        """Return what each axis of `data` is: a parameter each, and then t, c, z, y, x."""
        return (*self.values, *_AXES)

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of values of each parameter, and then (t, c, z, y, x)."""
        return (*self._counts, *self.results[0].source.sizes, *self.spec.shape)

    @property
    def spec(self) -> VolumeSpec:
        """Return what each volume looks like."""
        return self._grid.spec

    @cached_property
    def data(self) -> da.Array:
        """All results as one dask array, one volume a block; see `axis_labels`."""
        sources = tuple(stack.source for stack in self.results)
        text = repr([source.token for source in sources])
        token = hashlib.blake2b(text.encode(), digest_size=12).hexdigest()
        make = _ForValues(sources, self._grid, self._counts)
        sizes = (*self._counts, *sources[0].sizes)
        return lazy_array(make, sizes, self.spec, f"sweep-{token}")

    def add_to(self, viewer: Any) -> list[Any]:
        """Add a layer a channel to a napari viewer: each parameter becomes a slider.

        For the contrast, the first volume of each channel is computed.
        """
        name = " and ".join(f"{key} {_listed(values)}" for key, values in self.values.items())
        first, count = self.results[0], len(self.values)
        place = {
            "scale": (*(1.0,) * count, first.time_interval or 1.0, *self.spec.spacing),
            "translate": (*(0.0,) * (count + 1), *self.spec.translate),
            "axis_labels": (*self.values, "t", "z", "y", "x"),
            "units": (
                *("pixel",) * count,
                "s" if first.time_interval else "pixel",
                *(self.spec.unit,) * 3,
            ),
        }
        channels = first.stack_spec.channels
        several = len(channels) > 1
        return [
            viewer.add_image(
                self.data[(slice(None),) * (count + 1) + (c,)],
                name=f"{channel}: {name}" if several else name,
                contrast_limits=_contrast_limits(first.volume(0, c)),
                blending="additive" if several else "translucent_no_depth",
                metadata={"sweep": dict(self.values)},
                **place,
            )
            for c, channel in enumerate(channels)
        ]

    @property
    def _counts(self) -> tuple[int, ...]:
        return tuple(map(len, self.values.values()))

    @cached_property
    def _grid(self) -> CommonGrid:
        return CommonGrid.of([stack.spec for stack in self.results])

    def __repr__(self) -> str:
        return on_one_line("Sweep", self._summary())

    def _repr_html_(self) -> str:
        return html_table("Sweep", self._summary())

    def _summary(self) -> dict[str, str]:
        shape = " x ".join(map(str, self.shape))
        axes = {name: _listed(values) for name, values in self.values.items()}
        return {**axes, "shape": f"{shape} ({', '.join(self.axis_labels)})"}


@dataclass(frozen=True)
class _ForValues:
    """Makes the volume of a place along the parameters, t and c."""

    sources: tuple[VolumeSource, ...]
    grid: CommonGrid
    counts: tuple[int, ...]

    def __call__(self, *place: int) -> np.ndarray:
        *values, t, c = place
        index = int(np.ravel_multi_index(values, self.counts))
        return self.grid.put(index, self.sources[index](t, c))


def variants(
    steps: Steps,
    values: Mapping[Parameter, Sequence[Any]],
    channels: Sequence[str],
) -> list[Steps]:
    """The steps with each combination of values, the last parameter first; they are switched on.

    A `ParameterError` if a parameter cannot have a value, or changes nothing.
    """
    found = list(_variants(steps, values, channels))
    for parameter in values:
        parameter.require_effect(*found)
    return found


def _variants(
    steps: Steps, values: Mapping[Parameter, Sequence[Any]], channels: Sequence[str]
) -> Iterator[Steps]:
    for combination in product(*values.values()):
        varied = steps
        for parameter, value in zip(values, combination, strict=True):
            varied = Parameter(parameter.index, "enabled").put(varied, True)
            varied = parameter.put(varied, value, channels)
        yield varied


def sweep_of(values: Mapping[str, Sequence[Any]], results: Sequence[Stack]) -> Sweep:
    """Put results together; a `GeometryError` if their time points or channels differ."""
    sizes = {stack.source.sizes for stack in results}
    if len(sizes) > 1 or not prod(map(len, values.values())):
        reason = "no values" if not sizes else "different numbers of time points or channels"
        raise GeometryError(f"There is no sweep of {' and '.join(values)}: {reason}")
    return Sweep({name: tuple(several) for name, several in values.items()}, tuple(results))


def _listed(values: Sequence[Any]) -> str:
    return ", ".join(map(str, values))


def _contrast_limits(volume: np.ndarray) -> tuple[float, float]:
    sample = volume[np.isfinite(volume)]
    low, high = (float(value) for value in np.percentile(sample, (1.0, 99.9)))
    return (low, high) if high > low else (low, low + 1.0)
