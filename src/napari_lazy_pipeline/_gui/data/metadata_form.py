"""Metadata form: voxel size, angle and time interval of the raw data, and where they are from."""

from __future__ import annotations

from typing import Annotated, Any

from annotated_types import Unit
from pydantic import BaseModel, ConfigDict, Field
from qtpy.QtWidgets import QToolButton

from napari_lazy_pipeline._gui.widgets.forms.form_field import FormField
from napari_lazy_pipeline._gui.widgets.forms.model_form import ModelForm
from napari_lazy_pipeline._gui.widgets.layout import small_button
from napari_lazy_pipeline._gui.widgets.text import Elided, error_style
from napari_lazy_pipeline.image.scan_geometry import StepKind
from napari_lazy_pipeline.io import FolderInfo
from napari_lazy_pipeline.session import Session

_UNKNOWN = "unknown"
_BOX = 70  # px
_MEANING = (
    "What the z step is: the way of the stage between two planes, "
    "or the distance of the planes, perpendicular to them"
)
_WORDS = {"stage": "way of the stage", "perpendicular": "perpendicular"}


def _field(title: str, description: str, **options: Any) -> Any:
    limits = {"gt": options.pop("gt")} if "gt" in options else {}
    options["default"] = "what the files say"
    return Field(None, title=title, description=description, json_schema_extra=options, **limits)


class ScanMetadata(BaseModel):
    """What the form shows and a person may state; None: as the files say."""

    model_config = ConfigDict(frozen=True)

    z_step: Annotated[float | None, Unit("µm")] = _field(
        "Z step", "Distance of two planes, as the microscope recorded it", step=0.01, gt=0
    )
    step: StepKind | None = _field("Z step is", _MEANING, words=_WORDS, empty="not told")
    pixel: Annotated[float | None, Unit("µm")] = _field(
        "Pixel", "Size of a pixel in the sample", step=0.01, gt=0
    )
    angle: Annotated[float | None, Unit("°")] = _field(
        "Angle", "Angle between light sheet and scan", step=0.1, empty="?"
    )
    time_interval: Annotated[float | None, Unit("s")] = _field(
        "Interval", "Time between two time points", step=0.1, gt=0, empty="?"
    )


class MetadataForm(ModelForm):
    """Shows and edits `ScanMetadata`, with the source of each value and the way back to it."""

    def __init__(self, session: Session) -> None:
        super().__init__(ScanMetadata())
        self.margins = (0, 0, 0, 0)
        self._session = session
        self._open = ScanMetadata()
        self.sources: dict[str, Elided] = {}  # where each value is from
        self.resets: dict[str, QToolButton] = {}
        for name, field in self.fields.items():
            self._add_source(name, field)

    def _add_source(self, name: str, field: FormField) -> None:
        label, tooltip = field.caption.text(), "Back to what the files say"
        source = self.sources[name] = Elided()
        source.setAccessibleName(f"Source of {label}")
        reset = self.resets[name] = small_button("↺", tooltip, f"Reset {label}")
        reset.clicked.connect(field.reset)
        if name != "step":  # there is no room for the source beside the words
            field.editors[0].without_arrows()
            field.control.native.setFixedWidth(_BOX)
            field.add_beside(source)
        field.add_beside(reset)

    @property
    def edit(self) -> dict[str, Any]:
        """Values that the last edit states, by the names in `MetadataOverrides`."""
        new = dict(self.value)
        name = next(name for name, value in dict(self._open).items() if value != new[name])
        value, stack = new[name], self._session.stack
        assert stack is not None
        if name not in ("z_step", "pixel"):
            return {name: value}
        z, y, x = stack.voxel_size
        size = (value, y, x) if name == "z_step" else (z, value, value)
        return {"voxel_size": None if value is None else size}

    def restore(self) -> None:
        """Show what is open again, instead of the last edit."""
        self.set_value(self._open)

    def show_values(self, folder_info: FolderInfo) -> None:
        """Show the metadata of the data that are open, as the steps take them or files say."""
        session, overrides = self._session, self._session.overrides
        assert session.stack is not None
        z, _, x = session.stack.voxel_size
        angle, step = self._show_scan(folder_info)
        self._open = ScanMetadata.model_construct(
            z_step=z, pixel=x, angle=angle, step=step,
            time_interval=session.stack.time_interval or None,
        )  # fmt: skip
        self.set_value(self._open)
        stated = overrides.voxel_size not in (None, folder_info.voxel_size)
        for name in ("z_step", "pixel"):
            self._show_source(name, folder_info.voxel_source, stated, needed=True)
        stated = overrides.time_interval is not None
        self._show_source("time_interval", folder_info.interval_source, stated)

    def _show_scan(self, folder_info: FolderInfo) -> tuple[float | None, StepKind | None]:
        """Return angle and meaning of the z step, and show where they are from."""
        session, overrides = self._session, self._session.overrides
        assert session.stack is not None
        data, steps = session.stack.spec.scan, session.scan
        of_data = data.angle if data else overrides.angle or folder_info.angle
        angle = steps.angle if steps else overrides.angle or folder_info.angle
        source = folder_info.angle_source if of_data == angle else "the steps"
        stated = overrides.angle not in (None, folder_info.angle) and of_data == angle
        self._show_source("angle", source if angle else _UNKNOWN, stated)
        step = data.step if data else overrides.step
        source = folder_info.angle_source if folder_info.scan else _UNKNOWN
        if steps and steps.step != (step or "stage"):
            step, source = steps.step, "the steps"
        of_files = folder_info.scan.step if folder_info.scan else None
        stated = overrides.step not in (None, of_files) and overrides.step == step
        self._show_source("step", source, stated)
        return angle, step

    def _show_source(self, name: str, source: str, stated: bool, needed: bool = False) -> None:
        """Show where a value is from; in red, if it is needed and unknown."""
        text, label = "typed" if stated else source, self.sources[name]
        label.setText(text)
        label.set_tooltip(f"From: {text}")
        label.setStyleSheet(error_style(label) if needed and text == _UNKNOWN else "")
        if name == "step":
            self.fields[name].editors[0].setToolTip(f"{_MEANING}. From: {text}")
        self.resets[name].setEnabled(stated)
