"""Point fit: the transform that lays points on others, and which of them belong together.

References: S. Umeyama, IEEE Trans. Pattern Anal. Mach. Intell. 13, 376 (1991); W. Kabsch, Acta
Cryst. A 32, 922 (1976); M. A. Fischler and R. C. Bolles, Commun. ACM 24, 381 (1981).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.spatial import cKDTree

Model = Literal["translation", "rigid", "similarity", "affine"]
# Points that a transform is made of.
SAMPLE: dict[Model, int] = {"translation": 1, "rigid": 3, "similarity": 3, "affine": 4}

_TRIES = 400
_ROUNDS = 12
_VOTERS = 150  # points of a kind whose distances are looked at for a common shift
_VOTE = 1.0  # um; distances that differ by less vote for the same shift
_UNUSUAL = 4.0  # robust spreads of the residuals, beyond which a pair is left out


@dataclass(frozen=True, eq=False)
class PointMatch:
    """Points that belong together, and the transform that lays some on the others.

    Attributes
    ----------
    matrix
        Transform (4, 4) from moving points to those of the reference.
    pairs
        (n, 2): number of the moving point, and of that of the reference.
    residuals
        (n, 3): by how much each moved point misses the other.
    """

    matrix: np.ndarray
    pairs: np.ndarray
    residuals: np.ndarray

    @property
    def distance(self) -> float:
        """Root mean square of how far moved points lie from the others."""
        return float(np.sqrt((self.residuals**2).sum(axis=1).mean()))


def fit_points(moving: np.ndarray, reference: np.ndarray, model: Model) -> np.ndarray:
    """Transform (4, 4) of a kind that lays points (n, 3) on others, by least squares.

    Examples
    --------
    >>> points = np.array([[0, 0, 0], [0, 0, 2], [0, 3, 0], [4.0, 0, 0]])
    >>> np.allclose(fit_points(points, 2 * points + 1, "similarity")[1], (0, 2, 0, 1))
    True
    """
    x0, y0 = moving.mean(axis=0), reference.mean(axis=0)
    x, y = moving - x0, reference - y0
    linear = np.eye(3)
    if model == "affine":
        linear = np.linalg.lstsq(x, y, rcond=None)[0].T
    elif model != "translation":
        u, spread, vt = np.linalg.svd(y.T @ x)
        # Of the two solutions that fit, the one that does not mirror.
        sign = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
        linear = (u * sign) @ vt
        if model == "similarity":
            linear = linear * (spread @ sign) / max(float((x**2).sum()), 1e-30)
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = linear, y0 - linear @ x0
    return matrix


def move(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Points (n, 3) after a transform (4, 4)."""
    return np.asarray(points @ matrix[:3, :3].T + matrix[:3, 3])


def match_points(
    moving: np.ndarray, reference: np.ndarray, model: Model, tolerance: float
) -> PointMatch | None:
    """Find which points (n, 3) [um] belong together, and the transform between them.

    Points of the two that are nearest to each other once the shift that most agree on is undone are
    candidates; the transform of a few of them that most others agree with, to a ``tolerance`` [um],
    is then made of all that do (random sample consensus). None if no transform fits more points
    than it is made of.
    """
    start = np.eye(4)
    start[:3, 3] = _common_shift(moving, reference)
    pairs = _nearest(move(start, moving), reference, 10 * tolerance)
    if len(pairs) <= SAMPLE[model]:
        return None
    matrix = _consensus(moving[pairs[:, 0]], reference[pairs[:, 1]], model, tolerance)
    for _ in range(_ROUNDS):
        found = _nearest(move(matrix, moving), reference, tolerance)
        if len(found) <= SAMPLE[model]:
            return None
        if np.array_equal(found, pairs):
            break
        pairs = found
        matrix = fit_points(moving[pairs[:, 0]], reference[pairs[:, 1]], model)
    return _without_unusual(moving, reference, model, pairs, matrix)


def _common_shift(moving: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """The shift that most pairs of points agree on."""
    shifts = (reference[None, :_VOTERS] - moving[:_VOTERS, None]).reshape(-1, 3)
    tree = cKDTree(shifts)
    votes = tree.query_ball_point(shifts, _VOTE, return_length=True)
    # Of several with as many votes, the smallest shift.
    best = np.lexsort(((shifts**2).sum(axis=1), -votes))[0]
    return np.asarray(shifts[tree.query_ball_point(shifts[best], _VOTE)].mean(axis=0))


def _nearest(points: np.ndarray, others: np.ndarray, reach: float) -> np.ndarray:
    """Pairs (n, 2) of points that are each other's nearest, no farther apart than ``reach``."""
    distance, nearest = cKDTree(others).query(points, distance_upper_bound=reach)
    _, back = cKDTree(points).query(others)
    near = np.flatnonzero(np.isfinite(distance))
    near = near[back[nearest[near]] == near]
    return np.stack([near, nearest[near]], axis=1)


def _consensus(
    moving: np.ndarray, reference: np.ndarray, model: Model, tolerance: float
) -> np.ndarray:
    """The transform of a few pairs that most of the pairs agree with."""
    generator = np.random.default_rng(0)
    best, most = fit_points(moving, reference, model), (-1, 0.0)
    for _ in range(_TRIES):
        few = generator.choice(len(moving), SAMPLE[model], replace=False)
        matrix = fit_points(moving[few], reference[few], model)
        misses = ((move(matrix, moving) - reference) ** 2).sum(axis=1)
        agree = misses <= tolerance**2
        score = int(agree.sum()), -float(misses[agree].sum())
        if score > most:
            best, most = matrix, score
    return best


def _without_unusual(
    moving: np.ndarray, reference: np.ndarray, model: Model, pairs: np.ndarray, matrix: np.ndarray
) -> PointMatch | None:
    """The match without pairs that miss by far more than the others do."""
    misses = np.linalg.norm(move(matrix, moving[pairs[:, 0]]) - reference[pairs[:, 1]], axis=1)
    pairs = pairs[misses <= _UNUSUAL * np.median(misses) + 1e-9]
    if len(pairs) <= SAMPLE[model]:
        return None
    x, y = moving[pairs[:, 0]], reference[pairs[:, 1]]
    matrix = fit_points(x, y, model)
    return PointMatch(matrix, pairs, move(matrix, x) - y)
