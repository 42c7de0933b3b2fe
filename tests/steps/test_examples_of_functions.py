"""Functions of a person's own, as docs/steps.md shows them: of scikit-image, a lambda, a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from skimage.restoration import denoise_tv_chambolle

from napari_lazy_pipeline import Pipeline
from napari_lazy_pipeline.steps import Function

VOLUME = np.random.default_rng(0).random((4, 12, 13)).astype("float32")


def test_denoising_of_scikit_image() -> None:
    named = Function(
        function="skimage.restoration:denoise_tv_chambolle", arguments={"weight": 0.2}
    ).allow()
    result = Pipeline([named]).apply(VOLUME).volume()
    np.testing.assert_array_equal(result, denoise_tv_chambolle(VOLUME, weight=0.2))
    assert result.std() < VOLUME.std() / 2


def test_a_lambda_of_a_notebook() -> None:
    result = Pipeline([lambda volume: volume - volume.min()]).apply(VOLUME).volume()
    np.testing.assert_array_equal(result, VOLUME - VOLUME.min())


def test_a_function_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "import numpy as np\n\n"
        "def stretched(volume, power=0.5):\n    return np.power(volume, power)\n"
    )
    step = Function(function=f"{file}:stretched", arguments={"power": 2.0}).allow()
    expected = np.power(VOLUME, 2.0)
    np.testing.assert_array_equal(Pipeline([step]).apply(VOLUME).volume(), expected)
