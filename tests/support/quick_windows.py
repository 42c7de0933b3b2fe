"""What napari and vispy do again and again with the same result, made cheap for the tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Patch = Callable[[Any, str, Any], None]  # as monkeypatch.setattr, or setattr itself


def quick_manifests(patch: Patch) -> None:
    """Manifests of plugins are read by the compiled loader of YAML."""
    import yaml
    from npe2.manifest import _bases

    patch(_bases, "_UniqueKeyYamlLoader", getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def quick_shaders(patch: Patch) -> None:
    """The variables of a shader's code are looked for once: the same few are linked for ever."""
    from vispy.gloo.program import Program

    parse, known = Program._parse_variables_from_code, {}

    def parse_once(self: Any, update_variables: bool = True) -> None:
        code = tuple(shader.code for shader in self._shaders)
        if code not in known:
            parse(self, update_variables=False)
            known[code] = self._code_variables
        self._code_variables = dict(known[code])
        if update_variables:
            self._process_pending_variables()

    patch(Program, "_parse_variables_from_code", parse_once)


def no_hidden_menu_bar(patch: Patch) -> None:
    """Windows of napari do not look at every event of Qt for a menu bar that is hidden."""
    from napari._qt.qt_main_window import _QtMainWindow
    from qtpy.QtWidgets import QApplication

    watch = QApplication.installEventFilter

    def watch_all(application: Any, who: Any) -> None:
        if not isinstance(who, _QtMainWindow):
            watch(application, who)

    patch(QApplication, "installEventFilter", watch_all)


def no_saved_settings(patch: Patch) -> None:
    """Settings of napari are not written."""
    from napari.settings._base import EventedConfigFileSettings

    patch(EventedConfigFileSettings, "save", lambda *_, **__: None)
