"""Somebody who takes the lesson in a process of its own: put `FOLDER` in its path."""

from pathlib import Path

FOLDER = Path(__file__).parent
