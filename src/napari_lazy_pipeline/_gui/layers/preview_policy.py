"""Preview policy: whether the result is requested at once, or a preview of it first."""

from __future__ import annotations

from qtpy.QtCore import QObject, QTimer

from napari_lazy_pipeline._gui.layers.compute_thread import ComputeThread
from napari_lazy_pipeline._gui.layers.render_request import QUICKEST, RenderRequest
from napari_lazy_pipeline.session import Session

# What is there within this time [s] follows the hand: no preview is needed.
INSTANT = 0.1
# After this time [s] without a new request, the hand is taken to rest: a slow result may begin.
PAUSE = 0.08
# A preview that takes longer [s] is followed by less good ones, until a result is there.
SLOW_DRAFT = 0.12


class PreviewPolicy(QObject):
    """Requests results, and previews where results take longer than a moment.

    How long a step takes is known from the last time it ran. If nobody knows, the result is
    requested, and a preview too once a moment has passed in vain.
    """

    def __init__(self, session: Session, compute_thread: ComputeThread) -> None:
        super().__init__()
        self._session, self._compute_thread = session, compute_thread
        # What is wanted in the end, and the plane on screen; None: the volume is.
        self._requests: dict[int, tuple[RenderRequest, int | None]] = {}
        self._postponed: dict[int, RenderRequest] = {}
        self._previewed: set[int] = set()
        self._draft = 0
        self._instant_timer = QTimer(self, singleShot=True, interval=round(1000 * INSTANT))
        self._instant_timer.timeout.connect(self._on_instant)
        self._pause_timer = QTimer(self, singleShot=True, interval=round(1000 * PAUSE))
        self._pause_timer.timeout.connect(self._begin_results)
        compute_thread.previewed.connect(self._on_previewed)
        compute_thread.delivered.connect(self._on_done)
        compute_thread.failed.connect(self._on_done)

    @property
    def busy(self) -> bool:
        """Return whether a result is still to be requested."""
        return bool(self._postponed)

    def forget(self) -> None:
        """Want nothing any more."""
        self._requests.clear()
        self._postponed.clear()
        self._instant_timer.stop()
        self._pause_timer.stop()
        self._compute_thread.drop()

    def request(self, request: RenderRequest, plane: int | None) -> None:
        """Request a result; a preview may be shown of the plane on screen, or of the volume."""
        self._requests[request.channel] = request, plane
        preview = request.preview_of(plane, self._draft)
        if not self._may_preview(request):
            self._postponed.pop(request.channel, None)
            self._compute_thread.request(request)
        elif self._is_under_way(request):
            # Another plane of it is looked at: the result need not begin anew.
            self._compute_thread.request(preview)
        elif self._is_slow(request):
            self._compute_thread.drop(request.channel, previews=False)
            self._postponed[request.channel] = request
            self._previewed.discard(request.channel)
            self._pause_timer.start()
            self._compute_thread.request(preview)
        else:
            self._postponed.pop(request.channel, None)
            self._compute_thread.request(request)
            if not self._instant_timer.isActive():
                self._instant_timer.start()

    def withdraw(self, channel: int) -> None:
        """What is wanted of a channel is at hand: what was requested is wanted no more."""
        self._postponed.pop(channel, None)
        if self._requests.pop(channel, None) is not None:
            self._compute_thread.drop(channel)

    def _may_preview(self, request: RenderRequest) -> bool:
        """Whether a preview makes sense: of a single plane, nothing is quicker than the plane."""
        return (
            self._session.quality == "auto" and request.plane is None and bool(request.source.count)
        )

    def _is_under_way(self, request: RenderRequest) -> bool:
        return request.same_as(
            self._postponed.get(request.channel)
        ) or self._compute_thread.is_making(request)

    def _is_slow(self, request: RenderRequest) -> bool:
        """Whether the steps that have to run took longer than a moment when they ran last."""
        source, log = request.source, self._session.compute_log
        steps = tuple(stage.step for stage in source.plan.stages)
        if request.files_known:
            steps = source.steps_to_run(request.t, request.channel)
        return sum(log.latest(step.kind) or 0.0 for step in steps) > INSTANT

    def _on_instant(self) -> None:
        """What is not there yet is slow: show a preview of it meanwhile."""
        for request, plane in list(self._requests.values()):
            if self._may_preview(request) and self._compute_thread.is_making(request):
                self._compute_thread.request(request.preview_of(plane, self._draft))

    def _on_done(self, request: RenderRequest, _: object) -> None:
        """After a preview, and also if there is none, the result is due once the hand rests."""
        if not request.preview:
            self._draft = 0
            if request.same_as(self._requests.get(request.channel, (None, None))[0]):
                del self._requests[request.channel]
        result = self._postponed.get(request.channel)
        if request.preview and result is not None and request.same_picture(result):
            self._previewed.add(request.channel)
            self._begin_results()

    def _on_previewed(self, request: RenderRequest, seconds: float) -> None:
        if seconds > SLOW_DRAFT and request.draft == self._draft:
            self._draft = min(self._draft + 1, QUICKEST - 1)

    def _begin_results(self) -> None:
        """The hand rests: begin with the results that have been looked at."""
        if not self._pause_timer.isActive():
            for channel in self._previewed & set(self._postponed):
                self._compute_thread.request(self._postponed.pop(channel))
