"""Step remarks: what a card says of its step in the list: what it waits for, what is doubtful."""

from __future__ import annotations

from napari_lazy_pipeline.compute import PipelineSource, Plan
from napari_lazy_pipeline.errors import (
    PsfIncompleteError,
    ScanUnknownError,
    StepError,
    VoxelSizeUnknownError,
)
from napari_lazy_pipeline.session import Session

_MOST = 3  # remarks that a card shows of a step
_NOT_OBLIQUE = "Computed as if the planes were not oblique: nobody has answered that under Data"


def waits_for(session: Session, index: int) -> str:
    """What a step waits for, or what of its result on screen is not exact; empty: nothing."""
    plan = session.plan
    if plan is None:
        return ""
    error = next((error for error in plan.waiting if error.index == index), None)
    if error is None:
        return plan.remarks.get(index, "")
    if isinstance(error.__cause__, ScanUnknownError) and session.overrides.angle == 0:
        return "Left out: the planes are not oblique, as it is stated under Data"
    return _in_words(error)


def caution(session: Session, index: int) -> str:
    """Return why the step cannot be right where it stands, or may not be; empty: it can."""
    plan, info, angle = session.plan, session.folder_info, session.overrides.angle
    if plan is None or info is None:
        return ""
    asked = any(question.about in ("angle", "step") for question in info.questions)
    unanswered = asked and angle != 0 and plan.raw.volume.scan is None
    of_scan = [stage.index for stage in plan.stages if "scan" in stage.step.depends_on]
    if unanswered and index in of_scan:
        return _NOT_OBLIQUE
    told = dict(plan.cautions).get(index, "")
    before = plan.spec_before(index)
    stage = next((stage for stage in plan.stages if stage.index == index), None)
    return told if told or stage is None or before is None else stage.step.doubt(before)


def told(source: PipelineSource, t: int) -> dict[int, str]:
    """By the place of a step, what it said of what is on screen of a time point."""
    log, texts = source.compute_log, dict[int, list[str]]()
    for c in range(source.sizes[1]):
        places = [(t, c)]
        for count in range(len(source.plan.stages), 0, -1):
            stage = source.plan.stages[count - 1]
            for place in places:
                text = log.remark_on(source.plan.work(count), place) if log is not None else ""
                if text:
                    about = f"{stage.after.place(*place)}: {text}"
                    texts.setdefault(stage.index, []).append(about)
            needed = (before for place in places for before in stage.places(*place))
            places = list(dict.fromkeys(needed))
    return {index: _first(list(dict.fromkeys(several))) for index, several in texts.items()}


def _first(texts: list[str]) -> str:
    """The first few; a step that puts many time points together has something to say of each."""
    more = [f"And of {len(texts) - _MOST} more volumes"] if len(texts) > _MOST else []
    return ". ".join([*texts[:_MOST], *more])


def obstacle(plan: Plan | None) -> str:
    """Return why the steps cannot be carried out on everything, in a sentence; empty: they can."""
    if plan is None:
        return ""
    errors = [*plan.waiting, *([plan.misfit] if plan.misfit else [])]
    if errors:
        error = min(errors, key=lambda error: error.index)
        needed, _ = _needed(error)
        return f"{plan.steps[error.index].label} waits for {needed}" if needed else error.what
    size = plan.after.volume
    if not size.size_known:  # no step needs it, but files do
        return f"{VoxelSizeUnknownError.of(size.stated_size).what}: enter it under Data"
    return ""


def _in_words(error: StepError) -> str:
    needed, how = _needed(error)
    if needed:
        return f"Waits for {needed}: {how}"
    what = getattr(error.__cause__, "what", error.what)
    return f"Waits: {what}. {error.hint}".rstrip(". ")


def _needed(error: StepError) -> tuple[str, str]:
    """Return what a step waits for, and how it is told; both empty if its error says it best."""
    cause = error.__cause__
    if isinstance(cause, VoxelSizeUnknownError):
        what = cause.what.removesuffix(" is unknown").removeprefix("The ")
        return f"the {what}", "enter it under Data"
    if isinstance(cause, ScanUnknownError):
        return "the light-sheet angle and what the z step measures", "enter them under Data"
    if isinstance(cause, PsfIncompleteError):
        return "the PSF voxel size" if "voxel size" in cause.what else "a PSF", "enter it below"
    return "", ""
