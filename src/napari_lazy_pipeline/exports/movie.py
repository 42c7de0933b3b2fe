"""Movie: the maxima of a time series as MP4 or GIF, with time stamp and scale bar."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from napari_lazy_pipeline._runtime.cancellation import no_progress, not_cancelled
from napari_lazy_pipeline._runtime.fresh_file import fresh_folder
from napari_lazy_pipeline.compute import PipelineSource
from napari_lazy_pipeline.errors import Cancelled, ExportError, FileError, NotRecordedError
from napari_lazy_pipeline.exports.destination import raw_folder
from napari_lazy_pipeline.exports.formats import channel_name
from napari_lazy_pipeline.exports.outputs import numbers_of
from napari_lazy_pipeline.exports.refusals import refuse_folder, refuse_unknown_size
from napari_lazy_pipeline.image import Stack

Limits = tuple[float, float]
# Red, green and blue, from 0 to 1, of full; or of all grey levels (n, 3), from black to full.
Colour = tuple[float, float, float] | np.ndarray
KINDS = {".mp4": ("imageio_ffmpeg", "PIL"), ".gif": ("PIL",)}
_LARGEST = {".mp4": 2**14, ".gif": 2**16 - 2}  # pixels along an axis, even: no more are held
_INSTALL = "pip install 'napari-lazy-pipeline[movie]'"
_WHITE = (1.0, 1.0, 1.0)
_COLOURS: tuple[Colour, ...] = (
    (0, 1, 0), (1, 0, 1), (0, 1, 1), (1, 1, 0), (1, 0, 0), (0, 0, 1),
)  # fmt: skip
_PERCENTILES = 1.0, 99.9
_READABLE = 128  # pixels: what is smaller is enlarged, so that there is room for words
_BAR = 0.25  # part of the width that the scale bar takes at most


def write_movie(
    stack: Stack,
    path: str | os.PathLike[str],
    *,
    t: Sequence[int] | None = None,
    contrast: Sequence[Limits | None] | None = None,
    colours: Sequence[Colour] | None = None,
    rate: float = 10.0,
    progress: Callable[[int, int], None] = no_progress,
    cancelled: Callable[[], bool] = not_cancelled,
    failed: Callable[[int, int, str], None] = no_progress,
) -> str:
    """Write a movie of what is brightest along z; it appears when it is complete.

    Parameters
    ----------
    stack
        Usually what `maxima` of a pipeline makes; of several planes, the maximum is shown.
    path
        A file that is not there yet, ``.mp4`` or ``.gif``.
    t
        Time points; None for all.
    contrast
        Values that are black and full for each channel; None, of all or of one: percentiles 1 and
        99.9 of the first picture that shows something.
    colours
        Of each channel, or tables (n, 3) of grey levels; None: grey for one, green, magenta, ...
        for several.
    rate
        Pictures a second; GIF knows hundredths of a second only.
    progress, cancelled
        As those of `export`.
    failed
        Called with time point and channel of a volume whose file is bad or missing, which is
        blank, and with what is wrong; perhaps more than once.

    Returns
    -------
    str
        What it shows, in a sentence.

    Raises
    ------
    ExportError
        If it cannot be written or shows nothing, or the voxel size is unknown.
    Cancelled
        Once ``cancelled`` returns true; nothing is left.
    """
    path = Path(path)
    _check(path, stack)
    if not 0 < rate < math.inf:
        raise ExportError(f"A movie cannot have {rate:g} pictures a second", hint="Choose 10")
    times = numbers_of("t", t, stack.shape[0])
    if not times:
        raise ExportError("There is no time point to show", hint="Choose some")
    channels = range(stack.shape[1])
    picture = partial(_picture, stack, cancelled, failed)
    limits = [
        stated or _limits(picture(t, c) for t in times)
        for c, stated in zip(channels, contrast or [None] * len(channels), strict=True)
    ]
    several = len(channels) > 1
    colours = colours or [_COLOURS[c % len(_COLOURS)] if several else _WHITE for c in channels]

    def frames() -> Iterator[np.ndarray]:
        for done, time in enumerate(times):
            if cancelled():
                raise Cancelled
            pictures = [picture(time, c) for c in channels]
            yield _labelled(_mixed(pictures, limits, colours), stack, time)
            progress(done + 1, len(times))

    progress(0, len(times))
    try:
        with fresh_folder(path) as part:
            (_write_gif if path.suffix.lower() == ".gif" else _write_mp4)(part, frames(), rate)
    except OSError as error:
        what = f"Cannot write: {error.strerror or error}"
        raise ExportError(what, str(path), "Choose another name or folder") from error
    of = ", ".join(
        f"{channel_name(stack, c)} from {low:g} to {high:g}"
        for c, (low, high) in zip(channels, limits, strict=True)
    )
    return f"{len(times)} pictures written to {path}. Contrast: {of}"


def _check(path: Path, stack: Stack) -> None:
    needed = KINDS.get(path.suffix.lower())
    if needed is None:
        raise ExportError("A movie is .mp4 or .gif", str(path), "Choose another name")
    if any(find_spec(name) is None for name in needed):
        raise ExportError(f"What writes {path.suffix} is not installed", str(path), _INSTALL)
    refuse_unknown_size(stack.spec)
    refuse_folder(path.parent, raw_folder(stack.source))
    if os.path.lexists(path):
        raise ExportError("The file is there already", str(path), "Choose another name")
    if not path.parent.is_dir():
        raise ExportError("There is no such folder", str(path.parent), "Make it first")
    (height, width), _ = _layout(stack)
    largest = _LARGEST[path.suffix.lower()]
    if max(height, width) > largest:
        what = f"A picture would have {width} x {height} pixels; {path.suffix} holds {largest}"
        raise ExportError(what, str(path), "Crop or bin the longer axis, or check the voxel size")


def _picture(
    stack: Stack,
    cancelled: Callable[[], bool],
    failed: Callable[[int, int, str], None],
    t: int,
    c: int,
) -> np.ndarray:
    """What is brightest along z (y, x); blank, with a warning, if the file is bad."""

    def make() -> np.ndarray:
        try:
            return stack.source.read_unless(cancelled, t, c)
        except FileError as error:
            if not isinstance(error, NotRecordedError):
                failed(t, c, str(error))
            raise

    volume = stack.source.or_blank(t, c, stack.spec, make)
    picture: np.ndarray = np.fmax.reduce(volume, axis=0)
    return picture.astype(np.uint8) if picture.dtype.kind == "b" else picture


def _limits(pictures: Iterator[np.ndarray]) -> Limits:
    """Limits of the first picture that shows something: a file may be bad."""
    for picture in pictures:
        values = picture[np.isfinite(picture) & (picture != 0)]  # 0: outside of what was recorded
        if values.size:
            return _percentiles(values)
    return 0.0, 1.0


def _percentiles(values: np.ndarray) -> Limits:
    low, high = np.percentile(values, _PERCENTILES).tolist()
    if high > low:
        return low, high
    return (0.0, high) if high > 0 else (low, low + 1.0)  # of a mask, what is inside is full


def _mixed(
    pictures: Sequence[np.ndarray], limits: Sequence[Limits], colours: Sequence[Colour]
) -> np.ndarray:
    """Add up the channels in their colours: 8-bit RGB (y, x, 3)."""
    mixed = np.zeros((*pictures[0].shape, 3), np.float32)
    for picture, (low, high), colour in zip(pictures, limits, colours, strict=True):
        grey = np.clip((np.nan_to_num(picture.astype(np.float32)) - low) / (high - low), 0, 1)
        table = np.asarray(colour) if np.ndim(colour) == 2 else np.array([(0, 0, 0), colour])
        levels = np.linspace(0, 1, len(table))
        for part in range(3):
            mixed[..., part] += np.interp(grey, levels, table[:, part])
    return (255 * np.minimum(mixed, 1) + 0.5).astype(np.uint8)


def _layout(stack: Stack) -> tuple[tuple[int, int], float]:
    """Height and width of a picture in which pixels are square, and the size of one [um]."""
    sizes = stack.voxel_size[1:]
    pixel = min(sizes)
    height, width = (n * size / pixel for n, size in zip(stack.shape[3:], sizes, strict=True))
    factor = max(int(_READABLE // min(height, width)), 1)
    return (round(height * factor), round(width * factor)), pixel / factor


def _labelled(image: np.ndarray, stack: Stack, t: int) -> np.ndarray:
    """Draw the time, at the top left, and a scale bar, at the bottom right."""
    from PIL import Image, ImageDraw, ImageFont

    (height, width), pixel = _layout(stack)
    picture = Image.fromarray(image).resize((width, height), Image.Resampling.NEAREST)
    width, height = width + width % 2, height + height % 2  # even, as MP4 needs it
    picture = picture.crop((0, 0, width, height))
    draw = ImageDraw.Draw(picture)
    size = max(min(width, height) // 16, 10)
    font, margin = ImageFont.load_default(size), size // 2
    ink: dict[str, Any] = {"font": font, "fill": "white", "stroke_width": 1, "stroke_fill": "black"}
    draw.text((margin, margin), time_stamp(*_recorded(stack, t)), anchor="la", **ink)
    length = bar_length(width * pixel * _BAR)
    right, bottom = width - margin, height - margin
    left = right - round(length / pixel)
    top = bottom - max(size // 4, 4)
    draw.rectangle((left - 1, top - 1, right, bottom), fill="black")
    draw.rectangle((left, top, right - 1, bottom - 1), fill="white")
    draw.text((right, top - 2), f"{length:g} um", anchor="rd", **ink)
    return np.asarray(picture)


def _recorded(stack: Stack, t: int) -> tuple[int, float | None]:
    """The time point that was recorded, and the time between two: steps may leave some out."""
    if not isinstance(stack.source, PipelineSource):
        return t, stack.time_interval
    plan = stack.source.plan
    return plan.recorded_times[t], plan.raw.time_interval


def time_stamp(t: int, interval: float | None) -> str:
    """Return the time of a time point.

    Examples
    --------
    >>> time_stamp(130, 30.0), time_stamp(3, 0.5), time_stamp(3, 0.004), time_stamp(3, None)
    ('1:05:00', '0:00:01.50', '0:00:00.0120', 't = 3')
    """
    if not interval:
        return f"t = {t}"
    # So many that no two pictures have the same.
    digits = 0 if math.isclose(interval, round(interval)) else 2
    digits = max(digits, 1 - math.floor(math.log10(interval)) if interval < 1 else 0)
    seconds, rest = divmod(round(10**digits * t * interval), 10**digits)
    fraction = f".{rest:0{digits}d}" if digits else ""
    return f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}{fraction}"


def bar_length(most: float) -> float:
    """Return the longest round length [um] that is no longer.

    Examples
    --------
    >>> bar_length(12.3), bar_length(0.9), bar_length(99)
    (10.0, 0.5, 50.0)
    """
    power = 10.0 ** math.floor(math.log10(most))
    return next(factor * power for factor in (5, 2, 1) if factor * power <= most)


def _write_mp4(path: Path, frames: Iterator[np.ndarray], rate: float) -> None:
    from imageio_ffmpeg import write_frames

    first = next(frames)
    height, width, _ = first.shape
    writer = write_frames(
        str(path), (width, height), fps=rate, quality=8, macro_block_size=2,
        ffmpeg_log_level="error",
    )  # fmt: skip
    writer.send(None)
    try:
        writer.send(np.ascontiguousarray(first))
        for frame in frames:
            writer.send(np.ascontiguousarray(frame))
    finally:
        writer.close()


def _write_gif(path: Path, frames: Iterator[np.ndarray], rate: float) -> None:
    from PIL import Image

    images = map(Image.fromarray, frames)
    duration = max(round(100 / rate), 2) * 10  # ms
    next(images).save(path, "GIF", save_all=True, append_images=images, duration=duration, loop=0)
