"""Arguments form: the arguments of a function, as its signature states them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, get_origin

from psygnal import Signal
from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model
from qtpy.QtWidgets import QWidget

from napari_lazy_pipeline._gui.widgets.forms.entries import Entry
from napari_lazy_pipeline._gui.widgets.forms.field_options import bare_type, kind
from napari_lazy_pipeline._gui.widgets.forms.model_form import ModelForm, sentence
from napari_lazy_pipeline._gui.widgets.layout import column
from napari_lazy_pipeline._gui.widgets.text import Sentence

_GIVEN_BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)

_SIMPLE = (bool, int, float, str, Path)
_CONFIG = ConfigDict(extra="allow", frozen=True)


class ArgumentsForm(Entry):
    """Edits a mapping of arguments by name; the first of the function, the image, is none of them.

    The value holds those that differ from the defaults of the function, and those that were given,
    also if they cannot be edited here.
    """

    rebuilt = Signal()  # there are other fields

    def __init__(
        self,
        function: Callable[..., Any] | None = None,
        value: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> None:
        self._given = dict(value or {})
        self.form: ModelForm | None = None
        self.rows, self.error = QWidget(), Sentence(error=True)
        self._column = column(self.error, parent=self.rows, spacing=6)
        super().__init__(Sentence(), **options)
        self.rows.setObjectName(self.native.objectName())
        self.set_function(function)

    @property
    def parts(self) -> dict[str, Any]:
        fields = self.form.fields.values() if self.form is not None else ()
        return {field.label: field.control for field in fields}

    def set_function(self, function: Callable[..., Any] | None) -> None:
        """Show the arguments of another function, or of none."""
        if self.form is not None:
            self.form.native.hide()
            self.form.native.deleteLater()
            self.form = None
        if function is not None:
            self.form = ModelForm(arguments_model(function)())
            self.form.changed.connect(self._on_form)
            self._column.addWidget(self.form.native)
        self.editor.setText("" if self.parts else "none to set")
        self._show()
        self.rebuilt.emit()

    def get_value(self) -> dict[str, Any]:
        return self._given

    def set_value(self, value: Mapping[str, Any]) -> None:
        if value != self._given:
            self._given = dict(value)
            self._show()
            self.changed.emit(self._given)

    def _show(self) -> None:
        self.error.say("")
        if self.form is not None:
            try:
                self.form.set_value(type(self.form.value).model_validate(self._given))
            except ValidationError as error:
                self.error.say(f"{error.errors()[0]['loc'][0]}: {sentence(error)}")

    def _on_form(self, model: BaseModel) -> None:
        changes = {
            name: value
            for name, value in model
            if name in self._given or value != type(model).model_fields[name].default
        }
        self._given = {**self._given, **changes}
        self.changed.emit(self._given)


def arguments_model(function: Callable[..., Any]) -> type[BaseModel]:
    """Make a model whose fields are the arguments of a function besides the first."""
    name = getattr(function, "__name__", "the function")
    fields = {
        parameter.name: _field(parameter, name)
        for parameter in _parameters(function)[1:]
        if parameter.kind in _GIVEN_BY_NAME
    }
    return create_model("Arguments", __config__=_CONFIG, **fields)


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    """The parameters of a function; none where a compiled one does not state them."""
    try:
        return [*inspect.signature(function, eval_str=True).parameters.values()]
    except NameError:  # an annotation that is only there for a type checker
        return [*inspect.signature(function).parameters.values()]
    except ValueError:
        return []


def _field(parameter: inspect.Parameter, function: str) -> Any:
    annotation, default = parameter.annotation, parameter.default
    if annotation is parameter.empty and isinstance(default, _SIMPLE):
        annotation = type(default)
    member = kind(bare_type(annotation))
    if member not in _SIMPLE and get_origin(member) is not Literal:
        annotation = Any  # typed as Python writes it
    if default is parameter.empty:
        annotation, default = annotation | None, None
    title = parameter.name.replace("_", " ").capitalize()
    text = f"Argument {parameter.name} of {function}"
    return annotation, Field(default, title=title, description=text)
