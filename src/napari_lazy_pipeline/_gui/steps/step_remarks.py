"""Step remarks: what a card says of its step in the list: what it waits for, what is doubtful."""

from __future__ import annotations

from napari_lazy_pipeline.errors import (
    PsfIncompleteError,
    ScanUnknownError,
    StepError,
    VoxelSizeUnknownError,
)
from napari_lazy_pipeline.session import Session

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
    """Why the step cannot be right where it stands, or may not be; empty: it can."""
    plan, info, angle = session.plan, session.folder_info, session.overrides.angle
    if plan is None or info is None:
        return ""
    asked = any(question.about in ("angle", "step") for question in info.questions)
    unanswered = asked and angle != 0 and plan.raw.volume.scan is None
    of_scan = [stage.index for stage in plan.stages if "scan" in stage.step.depends_on]
    if unanswered and index in of_scan:
        return _NOT_OBLIQUE
    return dict(plan.cautions).get(index, "")


def _in_words(error: StepError) -> str:
    cause = error.__cause__
    if isinstance(cause, VoxelSizeUnknownError):
        what = cause.what.removesuffix(" is unknown").removeprefix("The ")
        return f"Waits for the {what}: enter it under Data"
    if isinstance(cause, ScanUnknownError):
        return "Waits for the light-sheet angle and what the z step measures: enter them under Data"
    if isinstance(cause, PsfIncompleteError):
        chosen = "voxel size" in cause.what
        return f"Waits for {'the PSF voxel size' if chosen else 'a PSF'}: enter it below"
    what = getattr(cause, "what", error.what)
    return f"Waits: {what}. {error.hint}".rstrip(". ")
