"""Export form: asks what to write and where to, in which format, and who computes it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from napari_lazy_pipeline._gui.save.export_settings import WORKERS, ExportSettings
from napari_lazy_pipeline._gui.widgets.background_task import BackgroundTask
from napari_lazy_pipeline._gui.widgets.forms.model_form import ModelForm
from napari_lazy_pipeline._gui.widgets.layout import push_button
from napari_lazy_pipeline._gui.widgets.text import Sentence
from napari_lazy_pipeline.errors import LazyPipelineError
from napari_lazy_pipeline.exports.cluster import describe_cluster
from napari_lazy_pipeline.exports.formats import FormatName, get_format
from napari_lazy_pipeline.exports.projections import AXES
from napari_lazy_pipeline.image import StackSpec


class ExportForm(ModelForm):
    """Edits `ExportSettings`, and checks whether the workers of a cluster see the raw folder."""

    def __init__(self, settings: ExportSettings, raw_folder: Callable[[], Path | None]) -> None:
        super().__init__(settings)
        self.margins = (0, 0, 0, 0)
        self._raw_folder = raw_folder
        self._dtypes: tuple[str, ...] = ()
        self.cluster_check = BackgroundTask("The dask scheduler cannot be checked")
        self.summary, self.cluster_line = Sentence(), Sentence()
        tooltip = "List the workers, and check whether they see the raw files"
        self.check = push_button("Check", tooltip, self._on_check)
        self.check.setAccessibleName("Check the dask scheduler")
        self.fields["format"].native.layout().addWidget(self.summary)
        self.fields["scheduler"].add_beside(self.check)
        self.fields["scheduler"].native.layout().addWidget(self.cluster_line)
        projections = self.fields["projections"].control
        projections.set_names(AXES, "Maximum projection along", ticked=False)
        self.set_value(settings)
        self._connect()
        self._show_choices()

    def _connect(self) -> None:
        times, scheduler = self.fields["times"], self.fields["scheduler"]
        times.refused.connect(lambda entered, _: times.show_error(_no_time_point(entered)))
        for name in ("folder", "scheduler"):
            # Start and Check can be clicked right after the last letter.
            self.fields[name].editors[0].textEdited.connect(self.fields[name].control.commit)
        scheduler.editors[0].returnPressed.connect(self.check_cluster)
        self.changed.connect(self._show_choices)
        for name in ("workers", "scheduler"):
            self.fields[name].changed.connect(self._clear_check)
        self.cluster_check.finished.connect(self._on_checked)
        self.cluster_check.failed.connect(self._on_check_failed)

    def show_result(self, result: StackSpec) -> None:
        """Propose all that other steps make, or the same of more data; raises no signal."""
        times, channels = self.fields["times"], self.fields["channels"]
        times.control.set_count(result.times)
        channels.control.set_names(result.channels, "Write channel")
        values = {"times": times.value, "channels": channels.value}
        self.set_value(self.value.model_copy(update=values))

    def show_stages(self, labels: Sequence[str]) -> None:
        """Offer what is on the way to the result; raises no signal."""
        stages = self.fields["stages"]
        stages.control.set_names(labels, "Write also after", ticked=False)
        stages.visible = bool(labels)
        self.set_value(self.value.model_copy(update={"stages": stages.value}))

    def show_dtype(self, computed: str) -> None:
        """Say which type the pixels have as they are computed; raises no signal."""
        control, text = self.fields["dtype"].control, f"{computed} (as computed)"
        if control.null_string != text:
            control.null_string = text
            self._show_dtypes()

    def show_folder(self, folder: Path | None) -> None:
        """Show a folder that is proposed; raises no signal."""
        self.set_value(self.value.model_copy(update={"folder": folder}))

    def disable_missing(self, formats: dict[FormatName, str | None], cluster: str | None) -> None:
        """Grey what cannot be used here, with the reason as a tooltip."""
        for name, reason in formats.items():
            self._enable("format", name, reason, get_format(name).summary, other="tiff")
        self._enable("workers", "cluster", cluster, WORKERS["cluster"][1], other="here")

    def _enable(self, name: str, value: str, reason: str | None, tooltip: str, other: str) -> None:
        field = self.fields[name]
        field.editors[0].enable(value, reason is None, reason or tooltip)
        if reason is not None and field.value == value:
            field.value = other

    def check_cluster(self) -> None:
        """Show who computes there, and whether they see the raw files."""
        address, raw = self.value.scheduler, self._raw_folder()
        if address:
            self.fields["scheduler"].show_error("")
            self.cluster_line.say("Waiting for the scheduler to answer…")
            self.check.setText("Cancel")
            self.cluster_check.start(address, lambda run: _check(address, raw, run.cancelled))

    def _on_check(self) -> None:
        if self.cluster_check.busy:
            self._clear_check()
        else:
            self.check_cluster()

    def _show_choices(self, *_: object) -> None:
        """Describe the format, and offer what fits the choices."""
        settings: ExportSettings = self.value
        self.summary.say(f"{get_format(settings.format).summary}.")
        dtypes = get_format(settings.format).dtypes
        if self._dtypes != dtypes:
            self._dtypes = dtypes
            self._show_dtypes()
        self.fields["scheduler"].visible = settings.workers == "cluster"
        self.check.setEnabled(bool(settings.scheduler))

    def _show_dtypes(self) -> None:
        control, chosen = self.fields["dtype"].control, self.value.dtype
        with control.changed.blocked():
            control.choices = ()  # else, what is new would come last
            control.choices = self._dtypes
            control.value = chosen

    def _clear_check(self, *_: object) -> None:
        """Clear what belongs to another address."""
        self.cluster_check.forget()
        self._on_checked("")
        self.fields["scheduler"].show_error("")

    def _on_checked(self, text: str) -> None:
        self.cluster_line.say(text)
        self.check.setText("Check")

    def _on_check_failed(self, error: LazyPipelineError) -> None:
        self._on_checked("")
        self.fields["scheduler"].show_error(str(error))


def _check(address: str, raw: Path | None, cancelled: Callable[[], bool]) -> str:
    """Describe who computes there; raises if they cannot."""
    if raw is None:
        return f"{describe_cluster(address, cancelled=cancelled)}."
    return f"{describe_cluster(address, str(raw), cancelled=cancelled)}. All see the raw files."


def _no_time_point(entered: float | str) -> str:
    """Say that a number is none of a time point, or that a text is no number."""
    if isinstance(entered, str):
        return f"“{entered}” is not a number"
    return f"There is no time point {entered:g}"
