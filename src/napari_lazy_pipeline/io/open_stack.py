"""Open a folder of files as a stack: what is in it, where it belongs, how large it is."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from napari_lazy_pipeline.errors import FileError, FolderError, PatternError
from napari_lazy_pipeline.image import Stack
from napari_lazy_pipeline.image.scan_geometry import SkewAxis, StepKind
from napari_lazy_pipeline.image.spec import checked_size
from napari_lazy_pipeline.io.files.file_source import FileSource
from napari_lazy_pipeline.io.files.folder_listing import (
    choose_images,
    endings_of,
    is_image,
    left_out,
    list_names,
)
from napari_lazy_pipeline.io.folder_info import FolderInfo
from napari_lazy_pipeline.io.metadata_overrides import MetadataOverrides
from napari_lazy_pipeline.io.metadata_sources import describe
from napari_lazy_pipeline.io.ome_set import (
    DescribedSet,
    arrange_set,
    as_stated,
    is_companion,
    stated_channels,
    with_document,
)
from napari_lazy_pipeline.io.patterns.file_table import FileTable, arrange, in_natural_order
from napari_lazy_pipeline.io.patterns.pattern import compile_pattern
from napari_lazy_pipeline.io.patterns.proposal import (
    SAMPLE,
    Proposal,
    pattern_of_files,
    propose_patterns,
)
from napari_lazy_pipeline.io.readers import (
    ReaderArgument,
    choose_reader,
    possible_axes,
    suffixes,
    with_axes,
)
from napari_lazy_pipeline.io.readers.zarr import READER as ZARR_READER
from napari_lazy_pipeline.io.readers.zarr import is_zarr

# So many names have every counter at work; all of many more would take seconds.
_ENOUGH = 20_000
Location = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


def open_stack(
    folder: Location,
    pattern: str | None = None,
    voxel_size: Sequence[float | None] | None = None,
    *,
    time_interval: float | None = None,
    channel_names: Sequence[str] | None = None,
    position: str | None = None,
    angle: float | None = None,
    step: StepKind | None = None,
    skew_axis: SkewAxis = "x",
    axes: str | None = None,
    planes: int | None = None,
    shape: Sequence[int] | None = None,
    dtype: str | None = None,
    reader: ReaderArgument | None = None,
    trust: bool = False,
    strict: bool = False,
    complete: bool = False,
) -> Stack:
    """Open a folder of files as a stack; no pixel is read.

    Parameters
    ----------
    folder
        Or one file, or OME-Zarr folder, that holds everything; a ``.companion.ome`` that describes
        the files beside it; several files of one folder; or a path that ends with a pattern,
        ``"/data/run_1/*.tif"``.
    pattern
        Which files belong to the stack, for instance ``"{name}_ch{c}_stack{t}_*.tif"``, see
        `compile_pattern`; ``"*.tif"`` takes the files as time points, in natural order.
        Proposed from the names if not given.
    voxel_size
        (z, y, x) [um], z as it was recorded; from metadata if not given, also for an axis that is
        None. What neither states stays unknown: a step that needs it raises an error.
    time_interval
        Time between two time points [s]; from metadata if not given.
    channel_names
        One per channel; from the file names or metadata if not given.
    position
        Which position, if there are several; the first if not given.
    angle
        Angle between the light sheet and the scan [degree]; from metadata if not given.
        0: the planes are not oblique, whatever the metadata say.
    step
        What the z step is: that of the ``"stage"`` between two planes, or the distance of the
        planes, ``"perpendicular"`` to them; from metadata if not given. While it is unknown, steps
        that undo the scan raise ScanUnknownError.
    skew_axis
        Image axis along which the planes are displaced. Used with ``angle``.
    axes
        What the pages of a TIFF are, or the axes of an HDF5 or NumPy array, the slowest first:
        ``"TZYX"``, ``"ZCYX"`` for channels that alternate, ``"ZYX"`` if all are planes. Pages are
        what the file says, or what is usual, if not given; of arrays of more than three axes, it
        has to be.
    planes
        Number of planes of a volume, where the pages of a TIFF are several; by default they are
        time points, with ``axes="CZYX"`` channels.
    shape, dtype
        Shape (z, y, x) and type of the volumes in files without a header.
    reader
        A function that takes a path and returns an array (z, y, x), its name
        ``"module:function"``, or a `Reader`; the endings of the names choose if not given.
    trust
        Whether the code that a name in ``reader`` refers to may be run.
    strict
        Whether a bad or missing file is an error. Else its volume is blank, a `BadFileWarning`
        tells so once, and ``stack.problems`` lists it.
    complete
        Whether nothing writes to the files any more. If not, one that was changed within the last
        minute, and ends with zeros as no other does, counts as half written.

    Returns
    -------
    Stack
        Lazy (t, c, z, y, x); ``stack.volume(t, c)`` reads one volume.

    Raises
    ------
    FolderError, PatternError
        If the folder cannot be opened, or the pattern cannot be read or does not fit the files.

    Examples
    --------
    >>> from napari_lazy_pipeline.samples.samples import real_stack_folder
    >>> open_stack(real_stack_folder(), voxel_size=(0.3, 0.1, 0.1)).shape[:2]
    (1, 1)
    """
    folder_info = inspect_folder(
        folder, pattern, position=position, axes=axes, planes=planes, shape=shape, dtype=dtype,
        reader=reader, trust=trust, complete=complete,
    )  # fmt: skip
    oblique = angle is not None
    overrides = MetadataOverrides(
        checked_size(voxel_size), time_interval,
        tuple(channel_names) if channel_names is not None else None,
        angle, step, skew_axis if oblique else None,
    )  # fmt: skip
    stack = overrides.stack(folder_info)
    if strict and isinstance(stack.source, FileSource):
        return replace(stack, source=stack.source.as_strict())
    return stack


def inspect_folder(
    folder: Location,
    pattern: str | None = None,
    *,
    position: str | None = None,
    axes: str | None = None,
    planes: int | None = None,
    shape: Sequence[int] | None = None,
    dtype: str | None = None,
    reader: ReaderArgument | None = None,
    trust: bool = False,
    complete: bool = False,
) -> FolderInfo:
    """Look at a folder: its names, and the header of one file. See `open_stack`."""
    path, pattern = _located(folder, pattern)
    compiled = compile_pattern(pattern) if pattern is not None else None
    chosen_reader = choose_reader(reader, trust, shape, dtype)
    described = DescribedSet.read(path) if is_companion(path) else None
    path = os.path.dirname(path) if described else path
    names = described.names if described else list_names(path, compiled)
    if chosen_reader is None and pattern is not None and is_zarr(os.path.join(path, pattern)):
        # It need not be called so, as the images in a larger folder of zarr are not.
        chosen_reader, names = ZARR_READER, [pattern]
    images = choose_images(names, path, compiled, chosen_reader)
    endings = endings_of(images, chosen_reader)
    unplaced = False
    if compiled is None:
        layout, proposals = _propose_layout(images, position, endings)
    else:
        proposals = propose_patterns(images, endings=endings)
        # If nothing in the names tells places, a text in the files may; until then, in any.
        fitting = [] if compiled.places_files else list(filter(compiled.match, images))
        unplaced = len(fitting) > 1
        layout = in_natural_order(fitting) if unplaced else arrange(images, compiled, position)
    source = FileSource.probe(path, layout, chosen_reader, complete)
    if compiled is None and _is_flat(source) and not _is_sure(layout, proposals):
        layout, proposals = _propose_layout(images, position, endings, flat=True)
        source = FileSource.probe(path, layout, source.reader, complete)
    source = _with_companion(source, described)
    if unplaced and compiled is not None:
        stated = as_stated(images, source.info, compiled)
        source = source.with_layout(stated or arrange(images, compiled, position))
        layout = source.layout
    if source.info.places or described:
        if compiled is None:
            layout, proposals = arrange_set(images, source.info, layout, proposals, position)
        if compiled is None and described:
            layout, proposals = described.alone(path, layout, proposals, position)
        if layout.position != source.layout.position:
            # The header is that of a file of another position.
            source = FileSource.probe(path, layout, source.reader, complete)
            source = _with_companion(source, described)
        titles = stated_channels(layout, source.info)
        # Every volume would carry the places of all files.
        source = source.with_layout(layout).with_info(
            lambda info: replace(info, places=(), set_channels=titles)
        )
    if compiled is None and len(names) > len(images):
        source = source.with_layout(source.layout.noting(left_out(names, images)))
    source = _at_position(source, position)
    if axes or planes:
        source = _with_axes(source, axes or "", planes or 0)
    elif source.reader.states_axes and source.info.unnamed:
        lengths = source.info.unnamed
        what = f"The file holds an array of {lengths} planes, and does not say what its axes are"
        hint = f"State axes={' or '.join(possible_axes(lengths)[:4])}, in Python or by --axes"
        raise FolderError(what, source.folder, hint)
    source = source.with_other_channels()
    return describe(source, proposals, names if len(names) > len(images) else [])


def _located(folder: Location, pattern: str | None) -> tuple[str, str | None]:
    """Folder and pattern of what a person gave: a folder, files, or a path with a pattern."""
    if not isinstance(folder, str | os.PathLike):
        files = [os.path.abspath(Path(one).expanduser()) for one in folder]
        companion = next(filter(is_companion, files), None)
        if companion is not None:
            return companion, pattern
        folders = sorted({os.path.dirname(file) for file in files})
        if len(folders) != 1:
            where = ", ".join(folders) or "nothing"
            raise FolderError("The files are not in one folder", where, "Open one folder at a time")
        names = [os.path.basename(file) for file in files]
        folder = folders[0]
        pattern = pattern or pattern_of_files(names, suffixes())
    path = os.path.abspath(Path(folder).expanduser())
    if pattern is None and is_image(path):
        path, name = os.path.split(path)
        return path, re.sub(r"[{}*?\\]", "?", name)
    parts = Path(path).parts
    start = next((at for at, part in enumerate(parts) if re.search("[*?{]", part)), None)
    if pattern is None and start is not None and not os.path.exists(path):
        return str(Path(*parts[:start])), "/".join(parts[start:])
    return path, pattern


def _is_sure(layout: FileTable, proposals: Sequence[Proposal]) -> bool:
    """Return whether the names leave no doubt where the files belong."""
    return any(one.sure for one in proposals if one.pattern == layout.pattern)


def _is_flat(source: FileSource) -> bool:
    """Return whether there are several files, of a single plane each as far as a few tell."""
    info = source.info
    single = info.shape[0] == 1 and info.inner == (1, 1) and source.layout.pieces == 1
    first = single and source.files > 1 and not info.places
    return first and source.with_other_channels().spec.shape[0] == 1


def _with_companion(source: FileSource, described: DescribedSet | None) -> FileSource:
    """Add what a companion.ome says of the files."""
    if described is None:
        return source
    return source.with_info(partial(with_document, document=described.document))


def _propose_layout(
    names: list[str], position: str | None, endings: tuple[str, ...], flat: bool | None = None
) -> tuple[FileTable, list[Proposal]]:
    """Use the first proposal; if it does not fit, read more names, and use the first that does."""
    for most, tries in ((SAMPLE, 1), (_ENOUGH, None)):
        proposals = propose_patterns(names, most, endings, flat)
        for proposal in proposals[:tries]:
            try:
                layout = arrange(names, compile_pattern(proposal.pattern), position)
            except PatternError:
                continue
            if tries is None or layout.unmatched <= len(names) / 10 or not proposal.sure:
                return layout, proposals
    raise PatternError("No pattern was found for the files", min(names), "Type one")


def _at_position(source: FileSource, position: str | None) -> FileSource:
    """Choose the position within the files, if they hold several."""
    scenes = source.info.scenes
    if position is None or (not scenes and position == source.position):
        return source
    if position not in scenes:
        hint = f"There are {', '.join(scenes[:8])}" if scenes else "There is one only"
        raise FolderError(f"There is no position {position!r}", source.folder, hint)
    scene, folder = scenes.index(position), os.path.dirname(source.judge.reference)
    try:
        return source.with_info(
            lambda info: source.reader.at_scene(os.path.join(folder, info.name), info, scene)
        )
    except FileError as error:
        raise FolderError(error.what, error.where, error.hint) from error


def _with_axes(source: FileSource, axes: str, planes: int) -> FileSource:
    """Take pages for what a person says that they are."""
    plain = source.reader.states_axes and source.info.inner == (1, 1)
    if not (source.reader.by_pages or plain) or source.info.indexed:
        what = "Only the pages of TIFF, and the axes of HDF5 and NumPy files can be stated"
        raise FolderError(what, source.folder, "Leave out axes and planes")
    try:
        return source.with_info(lambda info: with_axes(info, axes, planes))
    except FileError as error:
        raise FolderError(error.what, source.folder, error.hint) from error
