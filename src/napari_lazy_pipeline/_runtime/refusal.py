"""Refusal: values that a step or pipeline cannot have, told in a sentence."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from napari_lazy_pipeline.errors import LazyPipelineError, ParameterError

if TYPE_CHECKING:
    from pydantic._internal._model_construction import ModelMetaclass
else:
    ModelMetaclass = type(BaseModel)

# Branches that have a name in brackets, and those that pydantic names itself.
_SCHEMA = re.compile(r"\(.*\)|[a-z-]+\[.*")
# By the names that pydantic has for what is wrong.
_REASONS = {
    "greater_than_equal": "must be at least {ge:g}",
    "greater_than": "must be above {gt:g}",
    "less_than_equal": "must be at most {le:g}",
    "less_than": "must be below {lt:g}",
    "finite_number": "must be a finite number",
    "int_from_float": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "string_type": "must be a text",
    "literal_error": "must be {expected}",
    "enum": "must be {expected}",
    "tuple_type": "must be a list",
    "list_type": "must be a list",
    "dict_type": "must be names with values",
    "too_short": "must have {min_length} values or more",
    "too_long": "must have {max_length} values or fewer",
    "missing": "a value is missing",
    "union_tag_invalid": "there is no step {tag!r}, but {expected_tags}",
    "union_tag_not_found": "it is neither a step nor a function",
}


def reason(problem: Any) -> str:
    """Say why a value is refused, in the words of whoever refuses it."""
    context = problem.get("ctx", {})
    error = context.get("error")
    if isinstance(error, LazyPipelineError | ValueError):
        return str(error)
    return str(_REASONS.get(problem["type"], problem["msg"])).format_map(context)


def of_schema(part: int | str) -> bool:
    """Return whether a part of a location names a branch of the schema, and nothing of a person."""
    return isinstance(part, str) and _SCHEMA.fullmatch(part) is not None


class PlainModel(ModelMetaclass):
    """Type of the models that people make in Python: what is wrong is a `ParameterError`.

    Where they are a part of another model, what is wrong is told by whoever made that.
    """

    def __call__(cls, *args: Any, **values: Any) -> Any:
        """Make one."""
        try:
            return super().__call__(*args, **values)
        except ValidationError as error:
            raise refusal(cls, error) from error


def refusal(model: Any, error: ValidationError) -> ParameterError:
    """Say what is wrong with the values of a model, and which there are."""
    name = getattr(model, "kind", "") or model.__name__
    problems = error.errors()
    sentences = []
    for problem in problems:
        place = [name, *(p for p in problem["loc"] if isinstance(p, str) and not of_schema(p))]
        field = ".".join(place[-2:])
        if problem["type"] == "extra_forbidden":
            sentences.append(f"There is no {field}")
        elif problem["type"] == "missing" or not problem["loc"]:
            sentences.append(f"{field}: {reason(problem)}")
        else:
            sentences.append(f"{field} cannot be {problem['input']!r}: {reason(problem)}")
    unknown = any(p["type"] == "extra_forbidden" and len(p["loc"]) == 1 for p in problems)
    hint = f"Of {name}: {', '.join(model.model_fields)}" if unknown else ""
    return ParameterError("; ".join(sentences), hint=hint)
