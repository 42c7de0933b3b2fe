"""Plain function: a person's function with all that it needs, as lines of a script."""

from __future__ import annotations

import ast
import builtins
import importlib
import inspect
import re
import sysconfig
import textwrap
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

from napari_lazy_pipeline.errors import RecipeError
from napari_lazy_pipeline.steps._code_step import CodeStep, full_name

_NO_SOURCE = "has no source that could be written down"
_HINT = "Copy the script that uses this package"


class PlainFunctions:
    """Functions of steps, as definitions at the top of a script.

    ``taken`` are the names that the script has for itself, with the lines that make them.
    """

    def __init__(self, taken: Mapping[str, str]) -> None:
        self._lines = dict(taken)
        self._own = set(taken)

    @property
    def text(self) -> str:
        """The definitions, each before what uses it."""
        lines = [text for name, text in self._lines.items() if name not in self._own and text]
        return "".join(f"\n\n{text}\n" if "\n" in text else f"{text}\n" for text in lines)

    def call(self, step: CodeStep) -> str:
        """Call the function of a step on a copy of ``volume``; what it needs is defined.

        Raises
        ------
        RecipeError
            If the source is not to be had, or needs what cannot be written down.
        """
        function: Any = step.function
        arguments: dict[str, Any] = {}
        if isinstance(function, partial):
            if function.args:
                raise _refusal(step.label, "has arguments without names")
            function, arguments = function.func, dict(function.keywords)
        values = {**arguments, **step.arguments}
        given = "".join(f", {name}={_literal(value, step.label)}" for name, value in values.items())
        return f"{self._named(function, step)}(volume.copy(){given})"

    def _named(self, function: Any, step: CodeStep) -> str:
        """Define a function, or import it; its name, or the expression of a lambda."""
        if isinstance(function, str):
            module, _, name = function.rpartition(":")
            if not module.endswith(".py") and _is_installed(module):
                return self._define(name, f"from {module} import {name}", step.label)
            function = step.loaded()
        if isinstance(function, FunctionType):
            return self._written(function, step.label)
        module, _, name = full_name(function).rpartition(":")
        if not name:
            raise _refusal(step.label, _NO_SOURCE)
        return self._define(name, f"from {module} import {name}", step.label)

    def _written(self, function: FunctionType, label: str) -> str:
        module, _, name = full_name(function).rpartition(":")
        if _is_installed(module):
            return self._define(name, f"from {module} import {name}", label)
        tree, source = _source(function, label)
        for name, value in _needed(function, tree):
            self._provide(name, value, label)
        if isinstance(tree, ast.Lambda):
            return f"({ast.unparse(tree)})"
        return self._define(tree.name, source, label)

    def _provide(self, name: str, value: Any, label: str) -> None:
        """Make a name that a function uses: a module, another function, or a number."""
        if value is getattr(builtins, name, self):
            self._define(name, "", label)  # that no other function makes it something else
        elif isinstance(value, ModuleType):
            package, _, own = value.__name__.rpartition(".")
            short = "" if value.__name__ == name else f" as {name}"
            line = f"import {value.__name__}{short}"
            self._define(
                name, f"from {package} import {own}" if package and own == name else line, label
            )
        elif isinstance(value, FunctionType) and not _is_installed(value.__module__):
            if self._written(value, label) != name:
                raise _refusal(label, f"needs {name}, which has another name")
        elif callable(value) and full_name(value):
            module, _, own = full_name(value).rpartition(":")
            short = "" if own == name else f" as {name}"
            self._define(name, f"from {module} import {own}{short}", label)
        else:
            self._define(name, f"{name} = {_literal(value, label)}", label)

    def _define(self, name: str, line: str, label: str) -> str:
        if self._lines.setdefault(name, line) != line:
            raise _refusal(label, f"uses the name {name}, which is another thing in the script")
        return name


def _source(function: FunctionType, label: str) -> tuple[ast.FunctionDef | ast.Lambda, str]:
    """A function as a tree, and its text: that of the code that runs, with its own defaults."""
    code = function.__code__  # of a decorated function, too, which names another as its source
    try:
        source = textwrap.dedent(inspect.getsource(code)).strip()
        trees = _lambdas(source) if code.co_name == "<lambda>" else ast.parse(source).body
        # Of several lambdas in these lines, each has to be told by itself.
        text = "".join(inspect.findsource(code)[0]) if len(trees) == 1 else ""
        if not all(isinstance(one, ast.Lambda) or _is_plain(one) for one in trees):
            raise _refusal(label, _NO_SOURCE)
        tree: Any = next((one for one in trees if _is_code_of(one, text, code)), None)
    except (OSError, TypeError, SyntaxError) as error:
        raise _refusal(label, _NO_SOURCE) from error
    if tree is None:
        changed = "was changed in its file since it was loaded"
        raise _refusal(label, changed if len(trees) == 1 else _NO_SOURCE)
    if _state_defaults(function, tree.args, label):
        source = ast.unparse(tree)
    return tree, source


def _is_code_of(tree: Any, text: str, code: CodeType) -> bool:
    """Whether a definition makes this code, alone or in the text that it was taken from."""
    # Python makes another code where it sees an import, and notebooks run definitions one by one.
    alone = ast.parse("def around():\n    " + "".join(f"{n} = " for n in code.co_freevars) + "0")
    (outer,) = alone.body
    assert isinstance(outer, ast.FunctionDef)
    outer.body.append(ast.Expr(tree) if isinstance(tree, ast.Lambda) else tree)
    flags, wanted = code.co_flags & annotations.compiler_flag, _comparable(code)
    for source, line in ((ast.fix_missing_locations(alone), None), (text, code.co_firstlineno)):
        waiting = [compile(source, "", "exec", flags, dont_inherit=True)]
        while waiting:
            made = waiting.pop()
            at_place = line is None or made.co_firstlineno == line
            if at_place and made.co_name == code.co_name and _comparable(made) == wanted:
                return True
            waiting += [one for one in made.co_consts if isinstance(one, CodeType)]
    return False


def _comparable(code: CodeType) -> tuple[Any, ...]:
    """What a code does; indents of texts do not count."""
    constants = [
        _comparable(one) if isinstance(one, CodeType)
        else " ".join(one.split()) if isinstance(one, str)
        else repr(one)
        for one in code.co_consts
    ]  # fmt: skip
    return code.co_code, code.co_names, code.co_varnames, code.co_freevars, constants


def _state_defaults(function: FunctionType, arguments: ast.arguments, label: str) -> bool:
    """Write the values that defaults had when the function was made; whether any is another now."""
    named = function.__kwdefaults__ or {}
    changed, around = False, _around(function)
    for nodes, values in (
        (arguments.defaults, function.__defaults__ or ()),
        (arguments.kw_defaults, [named.get(one.arg) for one in arguments.kwonlyargs]),
    ):
        for i, (node, value) in enumerate(zip(nodes, values, strict=True)):
            if node is not None and not _is_still(node, value, around):
                nodes[i] = ast.parse(_literal(value, label), mode="eval").body
                changed = True
    return changed


def _is_still(node: ast.expr, value: Any, around: Mapping[str, Any]) -> bool:
    """Whether an expression has this value in the script, too."""
    if isinstance(node, ast.Name | ast.Attribute):
        return _looked_up(node, around) is value
    try:
        return repr(ast.literal_eval(node)) == repr(value)
    except ValueError:
        return False


def _looked_up(node: ast.expr, around: Mapping[str, Any]) -> Any:
    """What a name, or what a dot leads to, is now; the node itself if that cannot be told."""
    if isinstance(node, ast.Attribute):
        return getattr(_looked_up(node.value, around), node.attr, node)
    if isinstance(node, ast.Name):
        return around.get(node.id, getattr(builtins, node.id, node))
    return node


def _lambdas(source: str) -> list[ast.Lambda]:
    """The lambdas of some lines, which begin and end anywhere around them."""
    found = []
    for start in (match.start() for match in re.finditer("lambda", source)):
        for stop in range(len(source), start, -1):
            try:
                tree = ast.parse(source[start:stop], mode="eval").body
            except SyntaxError:
                continue
            first = tree.elts[0] if isinstance(tree, ast.Tuple) else tree
            found += [first] if isinstance(first, ast.Lambda) else []
            break
    return found


def _is_plain(tree: ast.AST) -> bool:
    return isinstance(tree, ast.FunctionDef) and not tree.decorator_list


def _needed(
    function: FunctionType, tree: ast.FunctionDef | ast.Lambda
) -> Iterator[tuple[str, Any]]:
    """Names that a function takes from around it, and what they are; not those of annotations."""
    for node in ast.walk(tree):
        if isinstance(node, ast.arg):
            node.annotation = None
        elif isinstance(node, ast.FunctionDef):
            node.returns = None
    code, around = function.__code__, _around(function)
    used = _names(tree) - {*code.co_varnames, *code.co_cellvars}
    for default in (*tree.args.defaults, *tree.args.kw_defaults):
        used |= _names(default) if default is not None else set()
    for name in sorted(used):
        value = around.get(name, getattr(builtins, name, function))
        if value is not function:
            yield name, value


def _names(tree: ast.AST) -> set[str]:
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def _around(function: FunctionType) -> dict[str, Any]:
    """Names around a function, and what they are."""
    cells = (cell.cell_contents for cell in function.__closure__ or ())
    return {**function.__globals__, **dict(zip(function.__code__.co_freevars, cells, strict=True))}


def _is_installed(module: str) -> bool:
    """Return whether a module is part of Python or of a package, and not a person's own."""
    if not module or module == "__main__":
        return False
    path = getattr(importlib.import_module(module), "__file__", None)
    places = sysconfig.get_paths()
    return path is None or any(
        Path(path).is_relative_to(places[name]) for name in ("stdlib", "purelib", "platlib")
    )


def _literal(value: Any, label: str) -> str:
    text = repr(value)
    try:
        same = bool(ast.literal_eval(text) == value)
    except (ValueError, SyntaxError):
        same = False
    if not same:
        raise _refusal(label, f"is given {text[:40]}, which cannot be written down")
    return text


def _refusal(label: str, what: str) -> RecipeError:
    return RecipeError(f"{label} {what}", hint=_HINT)
