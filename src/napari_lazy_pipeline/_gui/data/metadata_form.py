"""Metadata form: voxel size, angle and time interval of the raw data, and where they are from."""

from __future__ import annotations

from typing import Annotated, Any

from annotated_types import Unit
from pydantic import BaseModel, ConfigDict, Field
from qtpy.QtWidgets import QToolButton

from napari_lazy_pipeline._gui.widgets.forms.form_field import FormField
from napari_lazy_pipeline._gui.widgets.forms.model_form import ModelForm
from napari_lazy_pipeline._gui.widgets.layout import small_button
from napari_lazy_pipeline._gui.widgets.text import Elided, plain
from napari_lazy_pipeline.image.scan_geometry import SkewAxis, StepKind
from napari_lazy_pipeline.image.spec import UNKNOWN
from napari_lazy_pipeline.io import FolderInfo
from napari_lazy_pipeline.session import Session

_MISSING = "missing"
_BOX = 70  # px
_MEANING = "Along the stage from one plane to the next, or perpendicular to the planes"
_WORDS = {"stage": "along the stage", "perpendicular": "perpendicular to the planes"}
_OF_STEP = ("step", "skew_axis")  # there is no room for the source beside the words


def _field(title: str, description: str, **options: Any) -> Any:
    limits = {"gt": options.pop("gt")} if "gt" in options else {}
    options["default"] = "what the files say"
    return Field(None, title=title, description=description, json_schema_extra=options, **limits)


class ScanMetadata(BaseModel):
    """What the form shows and a person may state; None: as the files say."""

    model_config = ConfigDict(frozen=True)

    z_step: Annotated[float | None, Unit("µm")] = _field(
        "z step",
        "Distance of two planes, as the microscope recorded it",
        step=0.01,
        gt=0,
        empty="missing",
    )
    step: StepKind | None = _field("z step measured", _MEANING, words=_WORDS, empty="unknown")
    pixel: Annotated[float | None, Unit("µm")] = _field(
        "Pixel", "Size of a pixel in the sample", step=0.01, gt=0, empty="missing"
    )
    angle: Annotated[float | None, Unit("°")] = _field(
        "Light-sheet angle",
        "Angle of the light sheet to the scan; 0: it is not oblique",
        step=0.1,
        empty="unknown",
    )
    skew_axis: SkewAxis | None = _field(
        "Scan axis", "Image axis along which the stage moves the planes", empty="unknown"
    )
    time_interval: Annotated[float | None, Unit("s")] = _field(
        "Interval", "Time between two time points", step=0.1, gt=0, empty="unknown"
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
        if name not in _OF_STEP:
            field.editors[0].without_arrows()
            field.control.native.setFixedWidth(_BOX)
            field.add_beside(source)
        field.add_beside(reset)

    @property
    def edit(self) -> dict[str, Any]:
        """Values that the last edit states, by the names in `MetadataOverrides`."""
        new = dict(self.value)
        name = next(name for name, value in dict(self._open).items() if value != new[name])
        value = new[name]
        if name not in ("z_step", "pixel"):
            return {name: value}
        z, y, x = self._session.overrides.voxel_size or UNKNOWN
        return {"voxel_size": (value, y, x) if name == "z_step" else (z, value, value)}

    def restore(self) -> None:
        """Show what is open again, instead of the last edit."""
        self.set_value(self._open)

    def show_values(self, folder_info: FolderInfo) -> None:
        """Show the metadata of the data that are open, as the steps take them or files say."""
        session, overrides = self._session, self._session.overrides
        assert session.stack is not None
        z, _, x = session.stack.spec.stated_size
        scan = folder_info.scan
        angle = folder_info.angle if overrides.angle is None else overrides.angle
        step = overrides.step or (scan.step if scan else None)
        axis = overrides.skew_axis or (scan.skew_axis if scan else None)
        self._open = ScanMetadata.model_construct(
            z_step=z, pixel=x, angle=angle, step=step,
            skew_axis=axis or (session.scan.skew_axis if session.scan else None),
            time_interval=session.stack.time_interval or None,
        )  # fmt: skip
        self.set_value(self._open)
        of_z, _, of_pixel = overrides.voxel_size or UNKNOWN
        own, source = folder_info.voxel_size, folder_info.voxel_source
        self._show_source("z_step", source, of_z not in (None, own[0]))
        self._show_source("pixel", source, of_pixel not in (None, own[2]))
        source = folder_info.angle_source
        self._show_source("angle", source, overrides.angle not in (None, folder_info.angle))
        self._show_source("step", source, overrides.step not in (None, scan and scan.step))
        of_axis = scan.skew_axis if scan else None
        self._show_source("skew_axis", source, overrides.skew_axis not in (None, of_axis))
        stated = overrides.time_interval is not None
        self._show_source("time_interval", folder_info.interval_source, stated)

    def _show_source(self, name: str, source: str, stated: bool) -> None:
        """Show where a value is from."""
        missing = getattr(self._open, name) is None
        text, label = "entered" if stated else _MISSING if missing else source, self.sources[name]
        label.setText(text)
        label.set_tooltip(f"From: {text}")
        if name == "step":
            self.fields[name].editors[0].setToolTip(plain(f"{_MEANING}. From: {text}"))
        self.resets[name].setEnabled(stated)
