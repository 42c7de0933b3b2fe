"""Values per channel: one for all channels, or one for each by its name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeVar, get_args

from pydantic import AfterValidator, BeforeValidator, Discriminator, Tag
from pydantic.fields import FieldInfo

T = TypeVar("T")


class FrozenDict(dict[str, T]):
    """A dictionary that cannot be changed, so that a step with it is hashable.

    Examples
    --------
    >>> values = FrozenDict({"488": 98.0, "560": 101.0})
    >>> values["488"], hash(values) == hash(FrozenDict(reversed(values.items())))
    (98.0, True)
    """

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(repr(sorted(self.items())))

    def _refuse(self, *arguments: Any, **options: Any) -> NoReturn:
        """Refuse to be changed."""
        raise TypeError("the values of a step are frozen; make another step with `replace`")

    __setitem__ = __delitem__ = __ior__ = update = setdefault = _refuse
    pop = popitem = clear = _refuse

    def __reduce__(self) -> Any:
        return type(self), (dict(self),)


class ChannelValues(FrozenDict[T]):
    """Values by the names of channels."""


# In the place of an error, they are no names of fields.
_ONE, _SEVERAL = "(one value)", "(per channel)"


def _branch(value: Any) -> str:
    return _SEVERAL if isinstance(value, Mapping) else _ONE


_BRANCHES = Discriminator(_branch)
_Name = Annotated[str, BeforeValidator(str)]  # YAML reads 488 as a number
_Named = Annotated[dict[_Name, T], AfterValidator(ChannelValues), Tag(_SEVERAL)]

# In a step: ``background: PerChannel[float] = 0.0``. `Step.run` only ever sees the one value.
if TYPE_CHECKING:
    PerChannel = Annotated[T, _BRANCHES]
else:
    PerChannel = Annotated[Annotated[T, Tag(_ONE)] | _Named[T], _BRANCHES]


def is_per_channel(info: FieldInfo) -> bool:
    """Return whether a field may hold a value per channel."""
    return info.discriminator is _BRANCHES or _BRANCHES in info.metadata


def value_type(info: FieldInfo) -> Any:
    """Annotation of one value of a field; of others, that of the field."""
    return get_args(info.annotation)[0] if is_per_channel(info) else info.annotation


def channel_value(value: Any, channel: str, default: Any = None) -> Any:
    """The value of one channel where there are several, else the value itself."""
    return value.get(channel, default) if isinstance(value, ChannelValues) else value
