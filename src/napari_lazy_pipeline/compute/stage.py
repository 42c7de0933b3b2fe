"""Stage: a step that is on, in its place among the steps of a pipeline."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from functools import cached_property

from napari_lazy_pipeline.image import Block, StackSpec
from napari_lazy_pipeline.image.box import whole
from napari_lazy_pipeline.steps._base import Step

Place = tuple[int, int]  # time point and channel
MOST_PLACES = 4096


@dataclass(frozen=True)
class Stage:
    """A step that is on, in its place among the steps of the pipeline.

    For each channel of the result, `steps` has the step with its values, `file_states` the state
    of its files, and `keys` what its pixels depend on, but for input, time point and channel.
    """

    index: int
    step: Step
    before: StackSpec
    after: StackSpec
    steps: tuple[Step, ...]
    keys: tuple[Hashable, ...]
    file_states: tuple[Hashable, ...]
    _parts: dict[Place, tuple[Block, ...]] = field(default_factory=dict, compare=False, repr=False)

    def inputs(self, wanted: Block) -> tuple[Block, ...]:
        """Tell which parts of its input a part of its result needs."""
        return self.steps[wanted.c].inputs(wanted, self.before)

    def key(self, t: int, c: int) -> Hashable:
        """Return what the pixels of one volume depend on, but for the pixels of the input.

        Which parts of these it takes, in which order, counts: two channels may be made of parts
        of one.
        """
        depends_on, places = self.step.depends_on, self.places(t, c)
        place = t if "t" in depends_on else None, c if "c" in depends_on else None
        taken = tuple((places.index((part.t, part.c)), part.box) for part in self.parts(t, c))
        return self.keys[c], place, taken

    def parts(self, t: int, c: int) -> tuple[Block, ...]:
        """Tell which parts of its input a volume of the result is made from."""
        if (t, c) not in self._parts:
            if len(self._parts) >= MOST_PLACES:
                self._parts.clear()
            self._parts[t, c] = self.inputs(Block(t, c, whole(self.after.shape)))
        return self._parts[t, c]

    def places(self, t: int, c: int) -> tuple[Place, ...]:
        """Time point and channel of each volume that a volume of the result is made from."""
        return tuple(dict.fromkeys((part.t, part.c) for part in self.parts(t, c)))

    def origin(self, t: int, c: int = 0) -> Place:
        """The volume of the input that a volume of the result shows: the first it is made of."""
        first = self.parts(t, c)[0]
        return first.t, first.c

    @cached_property
    def local(self) -> bool:
        """Return whether a plane, which is exact, is made from a part of its input only."""
        depth, height, width = self.after.shape
        middle = Block(0, 0, ((depth // 2, depth // 2 + 1), (0, height), (0, width)))
        if not self.step.exact:
            return False
        everything = whole(self.before.shape)
        return depth == 1 or all(part.box != everything for part in self.inputs(middle))
