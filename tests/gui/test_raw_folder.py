"""The raw folder is never written to, whatever is pressed in the dock."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from qtpy.QtWidgets import QApplication, QCheckBox, QFileDialog, QPushButton, QToolButton

from dock_helpers import card, edit
from folder_contents import listing
from napari_lazy_pipeline._gui.side_by_side.state_button import StateButton
from napari_lazy_pipeline._gui.steps.card_menu import card_menu

Settle = Callable[[Any], None]


def test_every_button_and_switch(
    opened: Any,
    settle: Settle,
    raw_folder: Path,
    tmp_path: Path,
    psf_file: Path,
    monkeypatch: pytest.MonkeyPatch,
    qtbot: Any,
) -> None:
    """All there are, found by looking for them; a dialog is answered with a file elsewhere."""
    out = tmp_path / "out"
    out.mkdir()
    target = str(out / "recipe.yaml")
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, **__: (target, ""))
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (target, ""))
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *_: ([str(psf_file)], ""))
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(out))
    before = listing(raw_folder)
    opened.session.state(voxel_size=(0.3, 0.1, 0.1))
    edit(opened, "deconvolve", psf=psf_file, iterations=1)
    opened.save.save_recipe.trigger()
    # A button of the folder or file controls opens a dialog that only a person can answer.
    ours = [
        button
        for kind in (QPushButton, QToolButton, QCheckBox)
        for button in opened.findChildren(kind)
        if button.text() not in ("…", "Add step", "⋮", "▾") and button.isEnabled()
    ]
    # Opened menus wait for a person; what they offer is done instead.
    states = opened.view.findChild(StateButton).menu
    states.aboutToShow.emit()
    menus = [
        states,
        opened.steps.add.menu(),
        *(card_menu(card, card.form) for card in opened.steps.cards),
    ]
    entries = [action for menu in menus for action in menu.actions() if action.isEnabled()]
    assert len(entries) > 20
    assert len(ours) > 12
    for press in [button.click for button in ours] + [entry.trigger for entry in entries]:
        try:
            press()
        except RuntimeError:
            continue  # the card it belonged to is gone
        QApplication.processEvents()
        settle(opened)
    assert listing(raw_folder) == before


def test_looking_around(opened: Any, settle: Settle, raw_folder: Path, tmp_path: Path) -> None:
    before = listing(raw_folder)
    edit(opened, "deskew")
    edit(opened, "crop", z=(1, 9))
    settle(opened)
    for t in (2, 1):
        opened.viewer.dims.set_current_step(0, t)
        settle(opened)
    opened.viewer.dims.ndisplay = 3
    settle(opened)
    opened.layers.layers[0].save(str(tmp_path / "saved.tif"))
    opened.save.save(tmp_path / "recipe.yaml")
    opened.save.load(tmp_path / "recipe.yaml")
    opened.open_folder(raw_folder, "cell_ch0_stack{t}_*.tif")
    settle(opened)
    card(opened, "deskew").switch.toggle()
    opened.foot.undo.click()
    settle(opened)
    assert listing(raw_folder) == before


def test_watching_and_following(opened: Any, settle: Settle, raw_folder: Path, qtbot: Any) -> None:
    before = listing(raw_folder)
    looks: list[object] = []
    opened.live.poller.polled.connect(lambda result, _: looks.append(result))
    opened.data.follow.setChecked(True)
    qtbot.waitUntil(lambda: len(looks) >= 3, timeout=20_000)
    settle(opened)
    assert opened.viewer.dims.current_step[0] == 2
    assert listing(raw_folder) == before


def test_a_folder_that_is_dropped_on_napari(
    make_napari_viewer: Callable[..., Any], settle: Settle, raw_folder: Path
) -> None:
    from napari_lazy_pipeline._gui.plugin.dock_registry import dock_of

    before = listing(raw_folder)
    viewer = make_napari_viewer()
    viewer.open(raw_folder, plugin="napari-lazy-pipeline")
    dock = dock_of(viewer)
    settle(dock)
    dock.shut_down()
    dock.compute_thread.join()
    assert listing(raw_folder) == before
