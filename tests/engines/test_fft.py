"""The FFTs of the CPU engine give what numpy gives in double precision."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_lazy_pipeline._runtime.jit import compiled
from napari_lazy_pipeline.engines.cpu.fft.blocks import blocks_of, from_blocks, to_blocks
from napari_lazy_pipeline.engines.cpu.fft.butterfly import Complex, dft
from napari_lazy_pipeline.engines.cpu.fft.compiled_fft import columns, planes
from napari_lazy_pipeline.engines.cpu.fft.pixel_operations import CORRECT, TAKE
from napari_lazy_pipeline.engines.cpu.fft.scipy_fft import ScipyFft
from napari_lazy_pipeline.engines.cpu.fft.spectrum import SpectrumLayout, aligned_empty, lay_out
from napari_lazy_pipeline.engines.cpu.fft.transforms import backward, filter_lines, forward, line
from napari_lazy_pipeline.engines.padding import Frame, smooth

# Of float32 with some ten roundings one after the other; numpy's own, in float32, is 1e-7 to 4e-7.
ACCURACY = 4e-7

lengths = st.integers(1, 3000).map(smooth)
short = st.integers(1, 40).map(smooth)
seeds = st.integers(0, 2**32 - 1)


def random(seed, shape):
    rng = np.random.default_rng(seed)
    return rng.normal(size=shape) + 1j * rng.normal(size=shape)


def error(result, expected):
    """Distance, as part of the length of what is expected."""
    return np.linalg.norm(result - expected) / np.linalg.norm(expected)


def to_lanes(lines):
    """Lines (groups, n, 8) side by side, as float32."""
    parts = np.stack([lines.real, lines.imag], 2).astype(np.float32)
    return parts.swapaxes(0, 1).ravel()


def from_lanes(data, groups, n):
    parts = data.reshape(n, groups, 2, 8).swapaxes(0, 1).astype(float)
    return parts[:, :, 0] + 1j * parts[:, :, 1]


@compiled()
def there(data, stride, groups, transform, stages):
    forward(data, 0, stride, groups, transform, stages)


@compiled()
def back(data, stride, groups, transform, stages):
    backward(data, 0, stride, groups, transform, stages)


@compiled()
def filtered(data, groups, transform, factor, sign):
    filter_lines(data, 0, 16 * groups, groups, transform, factor, 0, sign)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 7, 8])
def test_butterflies(n):
    numbers = random(n, (n, 6))
    out = dft([Complex(number.real, number.imag) for number in numbers])
    np.testing.assert_allclose(
        [number.re + 1j * number.im for number in out], np.fft.fft(numbers, axis=0), atol=1e-13
    )


@settings(max_examples=60, deadline=None)
@given(n=lengths, groups=st.integers(1, 3), seed=seeds)
def test_lines_of_any_length(n, groups, seed):
    numbers, transform = random(seed, (groups, n, 8)), line(n)
    data, stride, stages = to_lanes(numbers), 16 * groups, len(transform.radices)
    there(data, stride, groups, transform, stages)
    expected = np.fft.fft(numbers, axis=1)[:, transform.frequencies]
    assert error(from_lanes(data, groups, n), expected) < ACCURACY
    back(data, stride, groups, transform, stages)
    assert error(from_lanes(data, groups, n) / n, numbers) < 2 * ACCURACY


@settings(max_examples=40, deadline=None)
@given(n=lengths, groups=st.integers(1, 3), sign=st.sampled_from([1, -1]), seed=seeds)
def test_lines_are_filtered(n, groups, sign, seed):
    numbers, factor, transform = random(seed, (groups, n, 8)), random(n, (groups, n, 8)), line(n)
    data = to_lanes(numbers)
    ordered = np.concatenate([to_lanes(f[None, transform.frequencies]) for f in factor])
    filtered(data, groups, transform, ordered, np.float32(sign))
    factor = factor if sign == 1 else factor.conj()
    expected = n * np.fft.ifft(np.fft.fft(numbers, axis=1) * factor, axis=1)
    assert error(from_lanes(data, groups, n), expected) < 2 * ACCURACY


@pytest.mark.parametrize("n", [11, 13 * 8])
def test_other_lengths_are_refused(n):
    with pytest.raises(ValueError, match=f"^{n} "):
        line(n)


def test_frames_ask_for_no_other_lengths():
    for n in {smooth(n) for n in range(1, 3000)}:
        assert math.prod(line(n).radices) == n


def in_blocks(volume):
    out = aligned_empty(blocks_of(volume.shape))
    rows, columns = map(np.arange, volume.shape[1:])
    for plane, blocks in zip(volume, out, strict=True):
        to_blocks(plane, rows, columns, np.float32(0), blocks)
    return out


def from_all_blocks(blocks, shape):
    out = np.empty(shape, np.float32)
    for part, plane in zip(blocks, out, strict=True):
        from_blocks(part, 0, 0, plane)
    return out


@settings(max_examples=200, deadline=None)
@given(
    size=st.tuples(st.integers(1, 40), st.integers(1, 70)),
    height=st.integers(1, 50),
    width=st.integers(1, 80),
    seed=seeds,
)
@pytest.mark.parametrize("kind", ["mirrored", "background", "any"])
def test_blocks_hold_the_plane(kind, size, height, width, seed):
    """The pixels asked for, in whole blocks or not; the rest is 0, whatever was there before."""
    rng = np.random.default_rng(seed)
    plane = rng.normal(1, 1, size).astype(np.float32)
    before = rng.integers(0, 30, 2)
    if kind == "any":
        rows, columns = (rng.integers(-1, n, m) for n, m in zip(size, (height, width), strict=True))
    else:
        frame = Frame((1, *size), (1, height, width), (0, *before), kind == "mirrored")
        rows, columns = frame.indices(1), frame.indices(2)
    blocks = np.full((-(-width // 16), height, 16), np.nan, np.float32)
    expected = np.maximum(plane[np.ix_(rows, columns)] - np.float32(0.5), 0)
    expected[rows < 0], expected[:, columns < 0] = 0, 0
    to_blocks(plane, rows, columns, np.float32(0.5), blocks)
    laid_out = blocks.swapaxes(0, 1).reshape(height, -1)
    np.testing.assert_array_equal(laid_out[:, :width], expected)
    assert not laid_out[:, width:].any()
    placed = np.full_like(expected, np.nan)
    ScipyFft.put_plane(plane, rows, columns, np.float32(0.5), placed)
    np.testing.assert_array_equal(placed, expected)
    y, x = (int(rng.integers(0, n)) for n in expected.shape)
    part = np.full(tuple(rng.integers(1, (height - y + 1, width - x + 1))), np.nan, np.float32)
    from_blocks(blocks, y, x, part)
    np.testing.assert_array_equal(part, expected[y:, x:][: part.shape[0], : part.shape[1]])


@settings(max_examples=60, deadline=None)
@given(shape=st.tuples(short, short, short), sign=st.sampled_from([1, -1]), seed=seeds)
def test_volumes_are_filtered(shape, sign, seed):
    """As irfftn(rfftn(volume) * factor) does it, whatever the factor."""
    volume = np.random.default_rng(seed).random(shape).astype(np.float32)
    factor = random(seed, (*shape[:2], shape[2] // 2 + 1)).astype(np.complex64)
    # Numbers that are large beside the rest keep the result positive, as `CORRECT` wants it.
    factor[0, 0, 0] = 100 * math.sqrt(volume.size)
    image, layout = in_blocks(volume), SpectrumLayout.of(shape)
    one, out = in_blocks(np.ones(shape, np.float32)), aligned_empty(image.shape)
    spectrum, filters = layout.empty(), lay_out(factor, shape)
    work = np.zeros(16 * (layout.y.n + 1), np.float32)
    sums, rest = np.zeros((shape[0], 2)), np.empty(0, np.float32)
    first, second = image.ravel(), out.reshape(-1)

    def run(operation, *volumes, to_spectrum):
        all_planes = spectrum, layout, work, 0, shape[0]
        planes(*all_planes, operation, volumes, np.float32(0), sums, to_spectrum)

    run(TAKE, first, rest, rest, to_spectrum=True)
    count = layout.blocks * layout.columns
    columns(spectrum, layout.z, layout.pitch, filters, np.float32(sign), 0, count, 3)
    run(CORRECT, one.ravel(), second, rest, to_spectrum=False)
    factor = factor if sign == 1 else factor.conj()
    expected = np.fft.irfftn(np.fft.rfftn(volume.astype(float)) * factor, shape, axes=(0, 1, 2))
    assert expected.min() > 0
    result = from_all_blocks(out, shape)
    assert error(result, expected) < 2 * ACCURACY
