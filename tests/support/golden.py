"""Fetches, once, the CUDA results that pycudadecon publishes in its source distribution."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

NAME = "pycudadecon"
VERSION = "0.5.1"
SHA256 = "244a2d0fe3d663aca4c9ded6e51eb39dc9610b9f3a0546fafb9eb9c9595da048"
SECONDS = 240
FILES = ("im_raw.tif", "im_deskewed.tif", "im_decon.tif", "psf.tif", "otf.tif")


class NotFetched(Exception):
    """The data cannot be had; says why."""


def cache_folder() -> Path:
    """Where fetched data is kept between runs."""
    named = os.environ.get("NAPARI_LAZY_PIPELINE_TEST_CACHE")
    return Path(named) if named else Path.home() / ".cache" / "napari-lazy-pipeline-tests"


def golden_folder() -> Path:
    """Folder with the TIFF files; fetched if it is not there yet.

    Each process fetches into a folder of its own and renames it, so several may try at once.
    """
    cache = cache_folder()
    folder = cache / f"{NAME}-{VERSION}"
    if folder.is_dir():
        return folder
    try:
        cache.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(dir=cache))
    except OSError as error:
        raise NotFetched(f"no place to keep the golden data: {error}") from error
    try:
        _extract(_download(scratch), scratch / "data")
        try:
            (scratch / "data").rename(folder)
        except OSError:
            if not folder.is_dir():
                raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return folder


def _download(folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary"]
    command += [":all:", "--dest", str(folder), f"{NAME}=={VERSION}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotFetched(f"the golden data of {NAME} cannot be fetched: {error}") from error
    archive = folder / f"{NAME}-{VERSION}.tar.gz"
    if not archive.is_file():
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise NotFetched(f"the golden data of {NAME} cannot be fetched: {last}")
    found = hashlib.sha256(archive.read_bytes()).hexdigest()
    assert found == SHA256, f"{archive.name} has another content than expected: {found}"
    return archive


def _extract(archive: Path, folder: Path) -> None:
    folder.mkdir()
    with tarfile.open(archive) as tar:
        for name in FILES:
            member = tar.extractfile(f"{NAME}-{VERSION}/tests/test_data/{name}")
            assert member is not None
            with member, open(folder / name, "wb") as target:
                shutil.copyfileobj(member, target)
