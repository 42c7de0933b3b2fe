"""Model form: a magicgui container with a field for each parameter of a pydantic model.

::

    form = ModelForm(Deskew(), hidden=("kind", "enabled"))  # or names=(...): these, so ordered
    form.changed.connect(show)           # show(model), whenever the person made another valid one
    form.value                           # the model as it was last valid
    form.set_value(model)                # shows another one of its type; raises no signal
    form.reset()                         # the values of a new model, as one edit
    form.gesture                         # the drag or turn the last edit is part of, or None
    form["angle"]                        # a `FormField`: value, control, editors, caption, error,
                                         # reset(), add_beside(widget), visible
    form.menu_opening.connect(add)       # add(name, menu): entries in the menu of a caption
    form.set_channels(("488", "560"))    # for fields that name one, or have a value for each
    form["arguments"].control.set_function(f)  # for a mapping of the arguments of a function
    layout.addWidget(form.native)

What the model says of a field is all there is to say: title, description, bounds, unit
(`annotated_types.Unit`), choices; and by ``json_schema_extra`` how it is shown: ``step``,
``slider: [low, high]``, ``words: {value: word}``, ``buttons`` (choices all in sight), words for 0
(``zero``), for None (``empty``) and for what is reset to (``default``), ``format: path`` with
``mode: "d"`` for a folder; ``format: channel`` for the name of one; ``rows: "time points"`` of a
tuple of numbers, and ``columns`` of one of tuples, which are tables; ``advanced``, if the field is
folded away with others like it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from magicgui.widgets.bases import ValuedContainerWidget
from psygnal import Signal
from pydantic import BaseModel, ValidationError

from napari_lazy_pipeline._gui.widgets.forms.edit_gesture import EditGesture
from napari_lazy_pipeline._gui.widgets.forms.field_options import is_advanced
from napari_lazy_pipeline._gui.widgets.forms.form_field import Caption, FormField
from napari_lazy_pipeline._gui.widgets.layout import small_button
from napari_lazy_pipeline._runtime.refusal import reason

# The rooms of magicgui would else hide what a card paints.
_STYLE = 'QWidget[objectName="magicgui.QWidget"] { background: transparent; }'


class ModelForm(ValuedContainerWidget[Any]):
    """Edits a model; what is not valid is said under its field, and changes nothing."""

    # The menu of a field is about to open, for others to add to it.
    menu_opening = Signal(str, object)

    def __init__(
        self, model: BaseModel, names: Sequence[str] = (), hidden: Sequence[str] = ()
    ) -> None:
        self._model = model
        self._edit_gesture = EditGesture()
        self.gesture: object = None
        known, captions = type(model).model_fields, list[Caption]()
        self.fields = {
            name: FormField(name, known[name], getattr(model, name), self._edit_gesture, captions)
            for name in names or known
            if name not in hidden
        }
        super().__init__(widgets=[*self.fields.values()], layout="vertical", labels=False)
        self.margins = (4, 2, 4, 6)
        self.native.setStyleSheet(_STYLE)
        self._fold_advanced()
        self._show_idle()
        for name, field in self.fields.items():
            field.changed.connect(partial(self._on_edited, name))
            field.refused.connect(partial(self._on_refused, name))
            # Not `partial(....emit)`: to find out how that is called takes psygnal milliseconds.
            field.menu_opening.connect(lambda menu, name=name: self.menu_opening.emit(name, menu))

    def _fold_advanced(self) -> None:
        """Hide the fields that few need, until they are wanted."""
        advanced = [field for field in self.fields.values() if is_advanced(field.info)]
        if not advanced:
            return
        self.advanced = small_button("▸ Advanced", "Show what is rarely changed", "Advanced")
        self.advanced.setCheckable(True)
        layout = self.native.layout()
        layout.insertWidget(layout.indexOf(advanced[0].native), self.advanced)

        def show(on: bool) -> None:
            self.advanced.setText(f"{'▾' if on else '▸'} Advanced")
            for field in advanced:
                field.visible = on

        self.advanced.toggled.connect(show)
        show(False)

    def get_value(self) -> Any:
        return self._model

    def set_value(self, value: Any) -> None:
        """Show another model of the same type; raises no signal."""
        self._model = value
        for name, field in self.fields.items():
            with field.changed.blocked():
                field.value = getattr(value, name)
        self._show_idle()

    def _show_idle(self) -> None:
        """Grey out what changes nothing while other fields are what they are."""
        idle = self._model.idle_fields() if hasattr(self._model, "idle_fields") else frozenset()
        for name, field in self.fields.items():
            field.native.setEnabled(name not in idle)

    def reset(self) -> None:
        """Go back to the values of a new model, as one edit."""
        values = {name: field.default for name, field in self.fields.items()}
        self._change(self._with(**values))
        self.set_value(self._model)

    def set_channels(self, names: Sequence[str]) -> None:
        for field in self.fields.values():
            if hasattr(field.control, "set_channels"):
                field.control.set_channels(names)

    def _with(self, **values: Any) -> Any:
        return type(self._model).model_validate({**dict(self._model), **values})

    def _on_edited(self, name: str, value: Any) -> None:
        try:
            model = self._with(**{name: value})
        except ValidationError as error:
            self.fields[name].show_error(sentence(error))
            return
        if model != self._model and hasattr(model, "after_edit"):
            model = model.after_edit(name, self._model)
        self.fields[name].show_error("")
        for other in self.fields.keys() - {name}:
            with self.fields[other].changed.blocked():
                self.fields[other].value = getattr(model, other)
        self._change(model, self._edit_gesture.gesture(name))

    def _on_refused(self, name: str, part: Any, value: Any) -> None:
        """Say why a value was not even shown."""
        if isinstance(part, str):
            self.fields[name].show_error(f"“{part}” is not a number")
            return
        try:
            self._with(**{name: value})
        except ValidationError as error:
            self.fields[name].show_error(f"{part:g}: {sentence(error)}")

    def _change(self, model: Any, gesture: object = None) -> None:
        if model != self._model:
            self._model, self.gesture = model, gesture
            self._show_idle()
            self.changed.emit(model)


def sentence(error: ValidationError) -> str:
    """Say what the first thing wrong is."""
    return reason(error.errors()[0])
