"""Makes the pictures of the gallery, scene by scene; each scene has a viewer of its own."""

from __future__ import annotations

import argparse
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from qtpy.QtCore import QStandardPaths

from gallery.scenes import SCENES
from gallery.stage import Stage

OUT = Path(__file__).parent.parent / "images" / "gallery"


@dataclass(frozen=True)
class Variant:
    """A size and a theme, and the pictures that are made in them; none named: all."""

    mark: str
    size: tuple[int, int]
    theme: str
    scenes: tuple[str, ...] = ()
    pictures: tuple[str, ...] | None = None


VARIANTS = (
    Variant("", (1920, 1080), "dark"),
    Variant("-small", (1366, 768), "dark"),
    Variant(
        "-light", (1920, 1080), "light", ("data", "steps", "trouble"),
        ("opened", "deskew", "here", "error"),
    ),
)  # fmt: skip


def main() -> int:
    """Make the pictures."""
    asked = _asked()
    variants = VARIANTS
    if asked.size or asked.theme:
        width, _, height = (asked.size or "1920x1080").partition("x")
        variants = (Variant("", (int(width), int(height)), asked.theme or "dark"),)
    asked.out.mkdir(parents=True, exist_ok=True)
    data, start = _data(), monotonic()
    try:
        for variant in variants:
            for name in asked.scenes or variant.scenes or SCENES:
                if not variant.scenes or name in variant.scenes:
                    _play(name, variant, data, asked.out)
    finally:
        shutil.rmtree(data)
    total = sum(path.stat().st_size for path in asked.out.glob("*.png")) / 1e6
    print(f"{asked.out}: {total:.1f} MB, {monotonic() - start:.0f} s")
    return 0


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="gallery", description=__doc__)
    parser.add_argument("scenes", nargs="*", metavar="scene", help=f"of {', '.join(SCENES)}")
    parser.add_argument("--out", type=Path, default=OUT, help="folder for the pictures")
    parser.add_argument("--size", help="of the window, as 1366x768; with it, or a theme: all")
    parser.add_argument("--theme", choices=("dark", "light"))
    asked = parser.parse_args()
    unknown = set(asked.scenes) - set(SCENES)
    if unknown:
        parser.error(f"no scene {', '.join(sorted(unknown))}")
    return asked


def _data() -> Path:
    """An empty folder for sample data: its path is seen in some pictures."""
    kind = QStandardPaths.StandardLocation.GenericCacheLocation
    data = Path(QStandardPaths.writableLocation(kind)) / "lazy-gallery"
    shutil.rmtree(data, ignore_errors=True)
    data.mkdir(parents=True)
    return data


def _play(name: str, variant: Variant, data: Path, out: Path) -> None:
    stage = Stage(data, out, variant.size, variant.theme, variant.mark, variant.pictures)
    try:
        SCENES[name](stage)
    finally:
        stage.close()


if __name__ == "__main__":
    sys.exit(main())
