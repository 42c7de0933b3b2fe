"""Where form: asks whether this computer or a dask cluster computes, and looks who that is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QFormLayout,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_lazy_pipeline._gui.save.export_job import ExportSettings
from napari_lazy_pipeline._gui.widgets.background_task import BackgroundTask
from napari_lazy_pipeline._gui.widgets.choice import Choice
from napari_lazy_pipeline._gui.widgets.text import Sentence
from napari_lazy_pipeline.errors import LazyPipelineError
from napari_lazy_pipeline.exports import cluster

_CLUSTER = "All workers of a dask scheduler, which see the same folders as this computer"


class ClusterForm(QWidget):
    """Asks where to compute.

    Parameters
    ----------
    wishes
        What was chosen before; choices are noted there.
    raw_folder
        Tells the folder of the raw files, which the workers have to see.

    Signals
    -------
    changed()
        The person wants something else.
    """

    changed = Signal()

    def __init__(self, wishes: ExportSettings, raw_folder: Callable[[], Path | None]) -> None:
        super().__init__()
        self._wishes, self._raw_folder = wishes, raw_folder
        self.choice = Choice(
            "Compute on",
            {
                "here": ("This computer", "One volume after the other, while you go on looking"),
                "cluster": ("Dask cluster", _CLUSTER),
            },
        )
        self.choice.set("cluster" if wishes.cluster else "here")
        self.address = QLineEdit(wishes.address)
        self.address.setPlaceholderText("tcp://node1:8786")
        self.address.setToolTip("Address of the dask scheduler, as it says when it is started")
        self.address.setAccessibleName("Address of the dask scheduler")
        self.check = QPushButton("Check")
        self.check.setToolTip("Look which workers there are, and whether they see the raw files")
        self.check.setAccessibleName("Check the dask scheduler")
        self.found = Sentence()
        self.error = Sentence(error=True)
        self._check = BackgroundTask("The dask scheduler cannot be checked")
        self._build()
        self._connect()
        self._show()

    def _build(self) -> None:
        self.row = QWidget()
        row = QHBoxLayout(self.row)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.address, 1)
        row.addWidget(self.check)
        form = QFormLayout()
        form.addRow("Compute on", self.choice)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3)
        layout.addLayout(form)
        for widget in (self.row, self.found, self.error):
            layout.addWidget(widget)

    def _connect(self) -> None:
        self.choice.chosen.connect(self._on_chosen)
        self.address.textChanged.connect(self._on_address)
        self.address.returnPressed.connect(self.look)
        self.check.clicked.connect(self.look)
        self._check.finished.connect(self._on_found)
        self._check.failed.connect(self._on_failed)

    @property
    def scheduler(self) -> str | None:
        """Address of a scheduler, perhaps still empty; None for this computer."""
        return self._wishes.address if self._wishes.cluster else None

    def look(self) -> None:
        """Look who computes there."""
        address, raw = self._wishes.address, self._raw_folder()
        if not address:
            return
        self.error.say("")
        self.found.say("Looking…")
        self._check.start(address, lambda _: _look(address, raw))

    def forget(self) -> None:
        """Want no answer any more."""
        self._check.forget()

    def allow_cluster(self, reason: str | None) -> None:
        """Grey the cluster if it cannot be used here, and say why."""
        self.choice.enable("cluster", reason is None, reason or _CLUSTER)
        if reason is not None and self._wishes.cluster:
            self.choice.set("here")
            self._on_chosen("here")

    def _on_chosen(self, value: str) -> None:
        self._wishes.cluster = value == "cluster"
        self._show()
        self.changed.emit()

    def _on_address(self, text: str) -> None:
        """What was found belongs to another address."""
        self._wishes.address = text.strip()
        self._check.forget()
        self._show()
        self.changed.emit()

    def _show(self) -> None:
        self.row.setVisible(self._wishes.cluster)
        self.check.setEnabled(bool(self._wishes.address))
        self.found.say("")
        self.error.say("")

    def _on_found(self, overrides: str) -> None:
        self.found.say(overrides)

    def _on_failed(self, error: LazyPipelineError) -> None:
        self.found.say("")
        self.error.say(str(error))


def _look(address: str, raw: Path | None) -> str:
    """Say who computes there; raises if they cannot."""
    if raw is None:
        return f"{cluster.cluster_info(address)}."
    return f"{cluster.cluster_info(address, str(raw))}. All see the raw files."
