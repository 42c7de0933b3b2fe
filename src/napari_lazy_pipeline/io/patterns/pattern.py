"""File patterns: a language for which names belong to a stack, and where in it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from napari_lazy_pipeline.errors import PatternError

_PIECE = re.compile(r"\{([^{}]*)\}|([*?])|([^{}*?]+)|(.)", re.DOTALL)
_NUMBER = "[0-9]+"
_WORD = r"[^_/\n]+?"
_WORDS = r"[A-Za-z][^/\n]*?"  # of a channel whose name has several
_FIELD = {
    "t": _NUMBER, "z": _NUMBER, "n": _NUMBER, "c": _WORD, "wave": _WORD,
    # The tiles of a Janelia scan, else any text.
    "tile": r"(?:-?[0-9]+x_-?[0-9]+y_-?[0-9]+z|[^/\n]+?)",
}  # fmt: skip
_SIGNED = r"-?[0-9]+(?:\.[0-9]+)?"
_TEXT = r"[^/\n]+?"
# Between two fields that touch, digits meet letters.
_MEETING = r"(?:(?<=[0-9])(?=[^\W\d_])|(?<=[^\W\d_])(?=[0-9]))"
# Fields that decide the place of a file; the others are read only to explain. Several numbers
# make one time, several words one channel or position.
_PLACE = re.compile("t[2-9]?|c2?|wave|z|p[2-9]?|tile")
_EXPRESSION = "re:"
_CLASS = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]")  # what is no / of an expression
_Match = re.Match[str] | None


@dataclass(frozen=True)
class Pattern:
    """A file pattern; make one with `compile_pattern`."""

    text: str  # as it was written
    fields: tuple[str, ...]  # their names, in order

    @cached_property
    def regex(self) -> re.Pattern[str]:
        """The regular expression that a whole name has to match, with all fields named."""
        return re.compile(self._source(self.fields))

    @cached_property
    def _channel_of_words(self) -> str:
        """The field whose values may have underscores, as nothing else may take them; or none."""
        numbers = all(re.fullmatch("c|wave|tile|[tzpn][0-9]*", field) for field in self.fields)
        plain = numbers and not re.search(r"[*?]|^re:", self.text)
        field = "c" if "c" in self.fields else "wave"
        return field if plain and re.search(rf"[_ .=/-]\{{{field}\}}", self.text) else ""

    @property
    def places_files(self) -> bool:
        """Whether its fields give files their places, or it has none: then they are time points."""
        return not self.fields or any(map(_PLACE.fullmatch, self.fields))

    def match(self, name: str) -> dict[str, str] | None:
        """Return the values of the fields in a name; None if it does not fit."""
        plain = _composed(name)
        match = self.regex.fullmatch(plain)
        if self._channel_of_words:
            match = self._of_words([plain], [match], self.fields)[0]
        return match.groupdict() if match else None

    def select(self, names: Sequence[str]) -> tuple[list[str], dict[str, list[str]]]:
        """Return the names that fit, and their values of the fields that place them."""
        place = [field for field in self.fields if _PLACE.fullmatch(field)]
        plain, lines = names, "\n".join(names)
        if not lines.isascii():
            plain, lines = list(map(_composed, names)), _composed(lines)
        of_one_line = lines.count("\n") == len(names) - 1 and "\n" not in self.text
        if place and of_one_line and not self.text.startswith(_EXPRESSION):
            chosen, flat = self._cut(names, plain, lines, place)
        else:
            chosen, flat = self._matched(names, plain, place)
        width, words = len(place), self._channel_of_words
        if words and not any(map(str.isdecimal, flat[place.index(words) :: width])):
            fits = re.compile(self._source(place)).fullmatch
            matches = self._of_words(plain, list(map(fits, plain)), place)
            flat = [value for match in matches if match for value in match.groups()]
            chosen = [name for name, match in zip(names, matches, strict=True) if match]
        return chosen, {field: flat[index::width] for index, field in enumerate(place)}

    def _matched(
        self, names: Sequence[str], plain: Sequence[str], place: Sequence[str]
    ) -> tuple[list[str], list[str]]:
        """Names that fit, each of them matched, and the values of all, those of a name together."""
        matches = list(map(re.compile(self._source(place)).fullmatch, plain))
        # An expression may have groups of other names, too.
        flat = [match[field] or "" for match in matches if match for field in place]
        return [name for name, match in zip(names, matches, strict=True) if match], flat

    def _cut(
        self, names: Sequence[str], plain: Sequence[str], lines: str, place: Sequence[str]
    ) -> tuple[list[str], list[str]]:
        """The same of names of one line each: all at once takes half the time of one by one."""
        pieces = re.compile(f"^(?:{self._source(place)})$", re.MULTILINE).split(lines)
        # Before, between and after the names that fit stand the others.
        others = set("".join(pieces[:: len(place) + 1]).split("\n"))
        del pieces[:: len(place) + 1]
        if others == {""}:
            return list(names), pieces
        return [name for name, own in zip(names, plain, strict=True) if own not in others], pieces

    def _of_words(
        self, names: Sequence[str], matches: list[_Match], place: Sequence[str]
    ) -> list[_Match]:
        """Match names whose channel has underscores in it, if channels are words."""
        channel = self._channel_of_words
        if any(match and match[channel].isdecimal() for match in matches):
            return matches
        positions = [field for field in place if field[0] == "p"]
        bodies = {channel: _WORDS, **dict.fromkeys(positions, _NUMBER)}
        words = re.compile(_regex(self.text, place, bodies)).fullmatch
        plain = re.compile(_regex(self.text, place, {channel: _WORDS})).fullmatch

        def best(name: str, match: _Match) -> _Match:
            if match is None:
                return words(name) or plain(name)
            # A position that is a number took a part of the channel.
            took = any("_" in match[field] and match[field][0].isdecimal() for field in positions)
            return (words(name) or match) if took else match

        return [best(name, match) for name, match in zip(names, matches, strict=True)]

    @property
    def spelled_out(self) -> tuple[str, ...]:
        """Regular expressions of the fields; more than one if channels may have underscores."""
        channel, source = self._channel_of_words, self.regex.pattern
        if not channel:
            return (source,)
        return source, _regex(self.text, self.fields, {channel: _WORDS})

    @property
    def depth(self) -> int:
        """Number of folders that it goes into."""
        if self.text.startswith(_EXPRESSION):
            return _CLASS.sub("", self.text).count("/")
        return self.text.count("/")

    @cached_property
    def folders(self) -> tuple[re.Pattern[str], ...]:
        """Expression of the names of folders at each level; empty if any name will do."""
        if self.text.startswith(_EXPRESSION):
            return ()
        return tuple(re.compile(_regex(part, ())) for part in self.text.split("/")[:-1])

    def _source(self, captured: Sequence[str]) -> str:
        if self.text.startswith(_EXPRESSION):
            return self.text.removeprefix(_EXPRESSION)
        return _regex(self.text, captured)


def compile_pattern(text: str) -> Pattern:
    r"""Read a file pattern.

    ``{t}`` is a number: the time point; with ``{t2}``, ``{t3}``, ... several numbers are one, the
    first counts most: ``{t}h{t2}m``. ``{z}`` is a number: the plane, for files of one plane each.
    After letters, numbers may have a sign and a fraction: ``z{z}`` reads z-0.5. ``{c}`` is the
    channel, or ``{wave}`` where there is no ``{c}``: a number, or text; ``{c2}`` is another part
    of its name. ``{p}``, ``{p2}``, ... and ``{tile}`` are the position: one is opened at a time.
    ``{n}`` is a number that means nothing. Two fields may touch where digits meet letters:
    ``TM{t}{c}`` reads TM1GFP. Any other ``{field}`` is text; ``*`` is any text,
    ``?`` any character, ``/`` goes into a folder, and everything else means itself.

    What follows ``re:`` is a regular expression with named groups instead. Raise PatternError if
    the pattern cannot be read.

    Examples
    --------
    >>> compile_pattern("{name}_ch{c}_stack{t}_{wave}nm_*.tif").fields
    ('name', 'c', 't', 'wave')
    >>> compile_pattern(r"re:img_(?P<t>\d+)_(?P<c>\w+)\.tif").match("img_03_GFP.tif")
    {'t': '03', 'c': 'GFP'}
    """
    if not text.strip():
        raise PatternError("The pattern is empty", hint="*.tif takes every TIFF of the folder")
    if "\n" in text:
        raise PatternError("A pattern is a single line", repr(text))
    if text.startswith(_EXPRESSION):
        return Pattern(text, _groups(text))
    if "\\" in text:
        raise PatternError("Folders are separated by / in a pattern", text, "Write / for \\")
    if text.startswith("/") or any(part in ("", ".", "..") for part in text.split("/")):
        what = "A pattern begins in the folder that is opened"
        raise PatternError(what, text, "Give the folder separately")
    text = _composed(text)
    return Pattern(text, tuple(_fields(text)))


def _composed(text: str) -> str:
    """Text with each accent in its letter: some systems write names with them apart."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def _groups(text: str) -> tuple[str, ...]:
    """Names of the groups of a regular expression."""
    try:
        return tuple(re.compile(text.removeprefix(_EXPRESSION)).groupindex)
    except re.error as error:
        what = f"The regular expression cannot be read: {error}"
        raise PatternError(what, text, "Groups look like (?P<t>[0-9]+)") from error


def _fields(text: str) -> list[str]:
    """Names of the fields of a pattern, checked."""
    fields: list[str] = []
    last = ""
    for field, wild, literal, brace in _PIECE.findall(text):
        if brace:
            what = f"There is a {brace} without its partner"
            raise PatternError(what, text, "Fields look like {t}")
        if not (wild or literal):
            _check_field(field, last, fields, text)
            fields.append(field)
        last = "" if wild or literal else field
    return fields


def _check_field(field: str, last: str, fields: list[str], text: str) -> None:
    plain, colon, _ = field.partition(":")
    what = hint = ""
    if colon and plain.isidentifier():
        what, hint = f"{{{field}}} has a format", f"Write {{{plain}}}: any number of digits fits"
    elif not (field.isidentifier() and field.isascii()):
        what, hint = f"{{{field}}} is no name for a field", "Use letters: {t}, {c}, {wave}, {name}"
    elif field in fields:
        what, hint = f"{{{field}}} occurs twice", "Write * or another name for one of them"
    elif last and _is_number(last) and _is_number(field):
        what = f"Nothing stands between {{{last}}} and {{{field}}}"
        hint = "Write what separates them"
    if what:
        raise PatternError(what, text, hint)


def _is_number(field: str) -> bool:
    return re.fullmatch("[tzn][0-9]*", field) is not None


def _regex(text: str, captured: Sequence[str], bodies: Mapping[str, str] | None = None) -> str:
    """Regular expression of a pattern, with groups for some of its fields."""
    pieces, parts = _PIECE.findall(text), []
    for index, (field, wild, literal, _) in enumerate(pieces):
        if literal:
            parts.append(re.escape(literal))
        elif wild == "?":
            parts.append(r"[^/\n]")
        elif wild:
            # As little as possible, so that a number after it is taken whole; where
            # only fixed text follows it is the same, and as much as possible is quicker.
            last = all(other[2] for other in pieces[index + 1 :])
            parts.append(r"[^/\n]*" if last else r"[^/\n]*?")
        else:
            if index and not any(pieces[index - 1][1:]):
                parts.append(_MEETING)
            own = (bodies or {}).get(field)
            body = own or _body(field, pieces[index - 1][2] if index else "")
            parts.append(f"(?P<{field}>{body})" if field in captured else f"(?:{body})")
    return "".join(parts)


def _body(field: str, before: str) -> str:
    """What a field takes, after some fixed text."""
    if field in ("t", "z"):
        return _SIGNED if re.search("[A-Za-z=][_=]?$", before) else _NUMBER
    return _FIELD.get("n" if re.fullmatch("n[0-9]*|t[2-9]", field) else field, _TEXT)
