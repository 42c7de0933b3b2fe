"""Engine registry: every engine by its name, ours and those of other packages."""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points

from napari_lazy_pipeline.engines.engine import Engine
from napari_lazy_pipeline.errors import EngineError, one_line

ENTRY_POINTS = "napari_lazy_pipeline.engines"
# Not imported before they are needed.
_OURS = {
    "cpu": "cpu.cpu_engine:cpu_engine",
    "auto": "auto:AutoEngine",
    "cupy": "array_api.cupy:CupyEngine",
    "mlx": "array_api.mlx:MlxEngine",
    "torch": "array_api.torch:TorchEngine",
    "pycudadecon": "cudadecon.cudadecon_engine:PycudadeconEngine",
}


@cache
def _entries() -> dict[str, EntryPoint]:
    ours = [EntryPoint(name, f"{__package__}.{path}", ENTRY_POINTS) for name, path in _OURS.items()]
    entries: dict[str, EntryPoint] = {}
    for entry in [*ours, *entry_points(group=ENTRY_POINTS)]:
        entries.setdefault(entry.name, entry)
    return entries


def engine_names() -> tuple[str, ...]:
    """Names of all engines, the default first.

    Another package offers an engine by an entry point of the group
    ``napari_lazy_pipeline.engines`` that names its class.
    """
    return tuple(_entries())


def get_engine(name: str = "cpu") -> Engine:
    """Return the engine of that name, usable here or not; always the same one.

    Raises
    ------
    EngineError
        If there is no engine of that name.
    """
    if name not in _entries():
        choices = ", ".join(_entries())
        raise EngineError(f"There is no engine {name!r}", hint=f"Choose one of: {choices}")
    return _engine(name)


def retry_engines() -> None:
    """Let engines that failed before try again."""
    for name in engine_names():
        fallback = getattr(get_engine(name), "fallback", None)
        if fallback is not None:
            fallback.forget()


@cache
def _engine(name: str) -> Engine:
    entry = _entries()[name]
    try:
        engine: Engine = entry.load()()
    except Exception as error:  # noqa: BLE001 - another package's fault greys that engine alone
        from napari_lazy_pipeline.engines.gpu_engine import BrokenEngine

        package = entry.dist.name if entry.dist else entry.module
        what = f"The engine of the package {package} cannot be loaded: {one_line(error)}"
        return BrokenEngine(name, what)
    return engine
