"""Recipe text: YAML as recipes are written in it, and what is wrong in it, line by line."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from napari_lazy_pipeline._runtime.refusal import of_schema, reason
from napari_lazy_pipeline.steps import Step, step_types

_MOST_VALUES = 100_000
_WIDTH = 120  # letters a line, where it can be broken: a row of four numbers fits
# A list of numbers over several lines. No text can look like it: there, a line break is \\n.
_NUMBERS = re.compile(r"\[\n([^\[\]{}\"]+)\n *\]")
# What would else be ten minutes and twenty seconds, a number to the base of 8, and a text.
_RULES = [
    ("tag:yaml.org,2002:str", re.compile(r"-?\d*:-?\d*$|0\d+$")),
    ("tag:yaml.org,2002:float", re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$")),
]


class Loader(yaml.SafeLoader):
    """Reads YAML; ``10:20`` and ``0477`` as they stand there, and ``1e-5`` as a number."""

    def get_single_node(self) -> yaml.Node | None:
        """Read a text; refuse one that a few aliases make a thousand times as long."""
        node = super().get_single_node()
        if node is not None:
            _unfolded_size(node, {})
        return node


def _unfolded_size(node: yaml.Node, sizes: dict[int, float]) -> float:
    """Number of values in a node if each alias is written out; raise `yaml.YAMLError` if many."""
    if id(node) not in sizes:
        sizes[id(node)] = math.inf  # an alias of what it stands in
        inside = node.value if isinstance(node, yaml.CollectionNode) else ()
        parts = [part for entry in inside for part in (entry if _is_pair(entry) else (entry,))]
        sizes[id(node)] = 1 + sum(_unfolded_size(part, sizes) for part in parts)
    if sizes[id(node)] > _MOST_VALUES:
        what = f"its aliases (*) stand for more than {_MOST_VALUES} values"
        raise yaml.composer.ComposerError(None, None, what, node.start_mark)
    return sizes[id(node)]


def _is_pair(entry: object) -> bool:
    """Return whether a part of a node is a name and its value."""
    return isinstance(entry, tuple)


class _Dumper(yaml.SafeDumper):
    """Writes what `Loader` reads as it was; a row of a table, or a few values, on one line."""


def _in_brackets(dumper: yaml.SafeDumper, data: list[Any]) -> yaml.Node:
    """Write a list of plain values on one line, and others with a line for each."""
    plain = not any(isinstance(part, (list, dict)) for part in data)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=plain)


def _as_it_is(dumper: yaml.SafeDumper, data: str) -> yaml.Node:
    """Write letters of any language, but escape rare ends of lines: PyYAML loses those."""
    style = '"' if set(data) & {"\x85", "\u2028", "\u2029"} else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", data, style=style)


_Dumper.add_representer(list, _in_brackets)
_Dumper.add_representer(str, _as_it_is)

Loader.yaml_implicit_resolvers = _Dumper.yaml_implicit_resolvers = {
    first: [*_RULES, *rules] for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def dump_yaml(data: Any) -> str:
    """Write data as YAML, in their order."""
    how: dict[str, Any] = {"sort_keys": False, "width": _WIDTH, "allow_unicode": True}
    return str(yaml.dump(data, Dumper=_Dumper, **how))


def dump_json(data: Any) -> str:
    """Write data as JSON, in their order; rows of numbers on one line, as in YAML."""
    text = json.dumps(data, indent=2)
    return _NUMBERS.sub(lambda found: f"[{' '.join(found[1].split())}]", text)


def load_yaml(text: str) -> Any:
    """Read a value of YAML; nothing in it is ever executed.

    Raises
    ------
    yaml.YAMLError
        If it cannot be read: also a date in a month that there is not, or a number without end.
    """
    try:
        return yaml.load(text, Loader)
    except yaml.YAMLError:
        raise
    except Exception as error:  # a month that there is not, a number without end, !!bool maybe
        what = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise yaml.constructor.ConstructorError(None, None, what) from error


def explain(
    error: ValidationError,
    root: yaml.Node | None,
    name: str,
    models: Mapping[str, type[BaseModel]],
) -> str:
    """Make one sentence a problem, with its line in the file ``name`` and what is allowed there.

    ``models`` has what stands under each key, for the names that are allowed; under ``""``, the
    recipe itself.
    """
    sentences = []
    for problem in error.errors():
        location = tuple(part for part in problem["loc"] if not of_schema(part))
        sentence = _sentence(problem, location, models)
        sentences.append(f"{name}, line {_line(root, location)}: {sentence}")
    return "; ".join(sentences)


def _sentence(
    problem: Any, location: tuple[int | str, ...], models: Mapping[str, type[BaseModel]]
) -> str:
    kind = problem["type"]
    if kind == "extra_forbidden":
        allowed = ", ".join(_allowed(location, models))
        return f"unknown name {location[-1]!r}; allowed here: {allowed}"
    if kind == "union_tag_invalid":
        return f"unknown step {problem['ctx']['tag']!r}; known: {', '.join(step_types())}"
    if kind == "union_tag_not_found":
        return f"a step needs its kind; known: {', '.join(step_types())}"
    return f"{location[-1] if location else 'recipe'}: {reason(problem)}"


def _allowed(location: tuple[int | str, ...], models: Mapping[str, type[BaseModel]]) -> list[str]:
    """Names allowed beside the one at a location."""
    model = models[""]
    for part in location[:-1]:
        model = {**models, **step_types()}.get(str(part), model)
    return [*(["kind"] if issubclass(model, Step) else []), *model.model_fields]


def _line(node: yaml.Node | None, location: tuple[int | str, ...]) -> int:
    """Line of the text that a location of the data came from."""
    line = node.start_mark.line + 1 if node is not None else 1
    for part in location:
        if isinstance(node, yaml.SequenceNode) and isinstance(part, int):
            if part >= len(node.value):
                break
            node = node.value[part]
            line = node.start_mark.line + 1
        elif isinstance(node, yaml.MappingNode):
            # The tag of a step is part of the location, but not of the text.
            for key, value in node.value:
                if key.value == str(part):
                    line, node = key.start_mark.line + 1, value
                    break
    return line
