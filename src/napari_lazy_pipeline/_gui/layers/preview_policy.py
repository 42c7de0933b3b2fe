"""Asking: whether the result is asked of the runner at once, or a quick look at it first."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QObject, QTimer

from napari_lazy_pipeline._gui.layers.compute_thread import ComputeThread
from napari_lazy_pipeline._gui.layers.render_request import QUICKEST, RenderRequest
from napari_lazy_pipeline.io.files.identity_cache import IdentityCache
from napari_lazy_pipeline.session.session import Session

# What is there within this time [s] follows the hand: no quick look is needed.
MOMENT = 0.1
# After this time [s] without a new wish, the hand is taken to rest: a slow result may begin.
REST = 0.08
# A quick look that takes longer [s] is followed by less good ones, until a result is there.
LOOK = 0.12


class PreviewPolicy(QObject):
    """Asks the runner for results, and for previews where results take longer than a moment.

    How long a step takes is known from the last time it ran. If nobody knows, the result is
    asked for, and a preview too once a moment has passed in vain.

    Parameters
    ----------
    session
        Says whether previews are wanted.
    runner
        Makes the pixels.
    """

    def __init__(self, session: Session, runner: ComputeThread) -> None:
        super().__init__()
        self._session, self._runner = session, runner
        self._asked: dict[int, tuple[RenderRequest, int | None]] = {}
        self._later: dict[int, RenderRequest] = {}
        self._previewed: set[int] = set()
        self._look = 0
        self._moment = self._timer(MOMENT, self._on_moment)
        self._rest = self._timer(REST, self._begin_results)
        runner.previewed.connect(self._on_previewed)
        runner.delivered.connect(self._on_done)
        runner.failed.connect(self._on_done)

    def _timer(self, seconds: float, action: Callable[[], None]) -> QTimer:
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.setInterval(round(1000 * seconds))
        timer.timeout.connect(action)
        return timer

    @property
    def busy(self) -> bool:
        """Whether a result is still to be asked for."""
        return bool(self._later)

    def forget(self) -> None:
        """Want nothing any more."""
        self._asked.clear()
        self._later.clear()
        self._moment.stop()
        self._rest.stop()
        self._runner.forget()

    def ask(self, request: RenderRequest, plane: int | None) -> None:
        """Ask for a result.

        Parameters
        ----------
        job
            What is wanted in the end.
        plane
            The plane on screen, for which a preview may be shown; None: the volume is.
        """
        self._asked[request.channel] = request, plane
        if not self._may_preview(request):
            self._later.pop(request.channel, None)
            self._runner.want(request)
        elif self._is_under_way(request):
            # Another plane of it is looked at: the result need not begin anew.
            self._runner.want(request.preview_of(plane, self._look))
        elif self._is_slow(request):
            self._runner.drop(request.channel)
            self._later[request.channel] = request
            self._previewed.discard(request.channel)
            self._rest.start()
            self._runner.want(request.preview_of(plane, self._look))
        else:
            self._later.pop(request.channel, None)
            self._runner.want(request)
            if not self._moment.isActive():
                self._moment.start()

    def is_there(self, channel: int) -> None:
        """What is wanted of a channel is at hand: what was asked for is wanted no more."""
        self._later.pop(channel, None)
        if self._asked.pop(channel, None) is not None:
            for previews in (False, True):
                self._runner.drop(channel, previews)

    def _may_preview(self, request: RenderRequest) -> bool:
        """Whether a preview makes sense: of a single plane, nothing is quicker than the plane."""
        return (
            self._session.quality == "auto" and request.plane is None and bool(request.source.count)
        )

    def _is_under_way(self, request: RenderRequest) -> bool:
        return request.same_as(self._later.get(request.channel)) or self._runner.makes(request)

    def _is_slow(self, request: RenderRequest) -> bool:
        """Whether the steps that have to run took longer than a moment when they ran last."""
        source, raw = request.source, request.source.raw
        if isinstance(raw, IdentityCache) and not _is_known(request, raw):
            steps = tuple(stage.step for stage in source.plan.stages)
        else:
            steps = source.steps_to_run(request.t, request.channel)
        log = self._session.compute_log
        return sum(log.latest(step.kind) or 0.0 for step in steps) > MOMENT

    def _on_moment(self) -> None:
        """What is not there yet is slow: show a preview of it meanwhile."""
        for request, plane in list(self._asked.values()):
            if self._may_preview(request) and self._runner.makes(request):
                self._runner.want(request.preview_of(plane, self._look))

    def _on_done(self, request: RenderRequest, _: object) -> None:
        """After a preview, and also if there is none, the result is due once the hand rests."""
        if not request.preview:
            self._look = 0
            if request.same_as(self._asked.get(request.channel, (None, None))[0]):
                del self._asked[request.channel]
        result = self._later.get(request.channel)
        if request.preview and result is not None and request.same_picture(result):
            self._previewed.add(request.channel)
            self._begin_results()

    def _on_previewed(self, request: RenderRequest, seconds: float) -> None:
        if seconds > LOOK and request.draft == self._look:
            self._look = min(self._look + 1, QUICKEST - 1)

    def _begin_results(self) -> None:
        """The hand rests: begin with the results that have been looked at."""
        if not self._rest.isActive():
            for channel in self._previewed & set(self._later):
                self._runner.want(self._later.pop(channel))


def _is_known(request: RenderRequest, raw: IdentityCache) -> bool:
    """Whether the state of each file that a volume is made from was looked up before."""
    return all(
        raw.known(t, c) for t, c in request.source.plan.raw_volumes(request.t, request.channel)
    )
