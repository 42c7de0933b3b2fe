"""Written text: channels and place of a volume, as an export of this package wrote them."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast, get_args

from napari_lazy_pipeline.image.scan_geometry import Triple
from napari_lazy_pipeline.image.spec import Frame

_CHANNELS = re.compile(r"^(?:.*>)?Channels = (\[.*\])$", re.MULTILINE)
_SHAPE = re.compile(r"^Shape \(z, y, x\) = \[(\d+), (\d+), (\d+)\]$", re.MULTILINE)
_FRAME = re.compile(rf"^Frame = ({'|'.join(get_args(Frame))})$", re.MULTILINE)
_NUMBER = r"\s*([-+.\deE]+)\s*"
_ORIGIN = re.compile(rf"Origin \(z, y, x\) \[um\] = \({_NUMBER},{_NUMBER},{_NUMBER}\)")


@dataclass(frozen=True)
class WrittenText:
    """What the text of a file says that was exported; empty, and None, where it says nothing.

    Attributes
    ----------
    channels
        Names of all channels of the data.
    shape
        Of the volume (z, y, x) that the text was written for [voxel].
    frame
        What its axes are along.
    origin
        Where voxel 0 of it lies (z, y, x) [um].
    """

    channels: tuple[str, ...] = ()
    shape: tuple[int, ...] = ()
    frame: Frame = "camera"
    origin: Triple | None = None

    @classmethod
    def of(cls, text: str) -> WrittenText:
        r"""Read a text, or the XML that it is in.

        Examples
        --------
        >>> WrittenText.of('Channels = ["a"]\nOrigin (z, y, x) [um] = (1.5, 0.0, 2.0)')
        WrittenText(channels=('a',), shape=(), frame='camera', origin=(1.5, 0.0, 2.0))
        """
        text = html.unescape(text) if text.startswith("<") else text
        kinds = _CHANNELS, _SHAPE, _FRAME, _ORIGIN
        names, shape, frame, place = (one.search(text) for one in kinds)
        return cls(
            _names(names[1]) if names else (),
            tuple(map(int, shape.groups())) if shape else (),
            cast(Frame, frame[1]) if frame else "camera",
            _triple(place.groups()) if place else None,
        )

    def origin_of(self, shape: Sequence[int]) -> Triple:
        """Place of a volume of a shape: in one of another, cut since, it is not known; then 0."""
        fits = self.origin is not None and self.shape == tuple(shape)
        return self.origin if fits and self.origin is not None else (0.0, 0.0, 0.0)


def _names(text: str) -> tuple[str, ...]:
    try:
        return tuple(map(str, json.loads(text)))
    except ValueError:
        return ()


def _triple(texts: Sequence[str]) -> Triple | None:
    try:
        z, y, x = map(float, texts)
    except ValueError:
        return None
    return z, y, x
