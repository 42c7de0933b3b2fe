"""Colours of the channels: the usual ones, and those that a person chose."""

from __future__ import annotations

from collections.abc import Sequence

from napari_lazy_pipeline.session import Recipe

USUAL = ("green", "magenta", "cyan", "yellow", "red", "blue")


def usual(channel: int, several: bool) -> str:
    """Name of the colormap that a channel gets if nobody says otherwise."""
    return USUAL[channel % len(USUAL)] if several else "gray"


def chosen(channel: int, several: bool, colours: Sequence[str]) -> str:
    """Name of the colormap of a channel, where some were chosen."""
    return colours[channel] if channel < len(colours) else usual(channel, several)


def is_colour(name: str) -> bool:
    """Return whether napari knows a colormap, by a name that it will know tomorrow."""
    from napari.utils.colormaps import ensure_colormap

    if not name or name == "custom" or name.startswith("["):  # what napari calls those without
        return False
    try:
        return bool(ensure_colormap(name).name == name)
    except KeyError:
        return False


def with_known_colours(recipe: Recipe) -> tuple[Recipe, str]:
    """Leave the colours out where napari does not know one of them; and a sentence that says so."""
    source = recipe.source
    unknown = [c for c in (source and source.channel_colours) or () if not is_colour(c)]
    if source is None or not unknown:
        return recipe, ""
    source = source.model_copy(update={"channel_colours": None})
    sentence = f"There is no colour {unknown[0]!r}. The usual colours are used"
    return recipe.model_copy(update={"source": source}), sentence
