"""Parameter table: name, default, unit, range and meaning of the parameters of a step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from annotated_types import Unit

from napari_lazy_pipeline.steps._base import Step


def parameter_rows(step: type[Step]) -> Iterator[tuple[str, str, str, str, str]]:
    """Name, default, unit, range and meaning of each parameter."""
    schema = step.model_json_schema()["properties"]
    for name, info in step.model_fields.items():
        unit = next((str(m.unit) for m in info.metadata if isinstance(m, Unit)), "")
        default = "required" if info.is_required() else str(info.default)
        yield name, default, unit, _range(schema[name]), info.description or ""


def _range(schema: dict[str, Any]) -> str:
    """Return what a parameter may be, in few characters."""
    if "oneOf" in schema:  # one value, or one for each channel
        return f"{_range(schema['oneOf'][0])}; or one a channel".lstrip("; ")
    if "enum" in schema:
        return ", ".join(map(str, schema["enum"]))
    if "anyOf" in schema:  # a value, or none
        return _range(schema["anyOf"][0])
    items = schema.get("prefixItems")
    if items:
        return f"each {_range(items[0])}"
    if isinstance(schema.get("items"), dict):
        return f"list, {_range(schema['items'])}"
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    high = schema.get("maximum", schema.get("exclusiveMaximum"))
    if low is None or high is None or max(abs(low), abs(high)) >= 1e6:
        return "yes, no" if schema.get("type") == "boolean" else str(schema.get("type", ""))
    return f"{'above ' if 'exclusiveMinimum' in schema else ''}{low:g} to {high:g}"
