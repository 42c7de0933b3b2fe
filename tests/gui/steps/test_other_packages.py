"""A step of another package: in the menu, and with a form."""

from __future__ import annotations

from pathlib import Path

from other_package import install, python


def test_it_is_in_the_menu_and_has_a_form(tmp_path: Path) -> None:
    """The tests of menus and forms take it like any other."""
    install(tmp_path)
    files = ["tests/gui/steps/test_steps_panel.py", "tests/gui/plugin/test_plugin.py"]
    chosen = "menu_describes or (form and halve) or (forms and halve)"
    options = ["-v", "-p", "no:xvfb", "-p", "no:cacheprovider", "-m", "gui", "-k", chosen]
    printed = python(tmp_path, "-m", "pytest", *options, *files)
    for name in (
        "test_the_menu_describes_each_kind_of_step",
        "test_a_form_edits_each_field_and_gives_each_value_back[halve]",
        "test_forms_show_and_return_their_step[halve]",
    ):
        assert f"{name} PASSED" in printed
