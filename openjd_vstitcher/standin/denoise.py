"""Removes the noise of renders with few samples: an edge-avoiding wavelet filter on the light, not the colours."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Film = npt.NDArray[np.float32]

_PASSES = ((1, 8.0), (2, 1.2), (1, 0.8), (4, 0.6), (8, 0.35))
"""For each pass: distance to the neighbours in px, and the tolerated relative difference in light."""
_NORMAL_SIGMA = 0.05
_ALBEDO_SIGMA = 0.05
_DARKEST = 0.01


def denoise(film: Film, albedo: Film, normal: Film) -> Film:
    """Return the film without noise.

    Parameters
    ----------
    film: linear premultiplied RGBA, height x width x 4.
    albedo, normal: of the first hit, in the same format. The result has the coverage of the albedo.
    """
    covered = np.argwhere((film[..., 3] > 0) | (albedo[..., 3] > 0))
    if not len(covered):
        return np.zeros_like(film)
    (top, left), (bottom, right) = covered.min(axis=0), covered.max(axis=0) + 1
    part = np.s_[top:bottom, left:right]
    alpha = albedo[part][..., 3:4]
    colors = np.maximum(_straight(albedo[part]), np.float32(_DARKEST))
    light: Film = np.asarray(_straight(film[part]) / colors, dtype=np.float32)
    guide = np.concatenate([_straight(normal[part]) / _NORMAL_SIGMA, colors / _ALBEDO_SIGMA], axis=2)
    for step, sigma in _PASSES:
        light = _filtered(light, guide.astype(np.float32), film[part][..., 3:4], step, sigma)
    result = np.zeros_like(film)
    result[part] = np.concatenate([light * colors * alpha, alpha], axis=2)
    return np.asarray(result, dtype=np.float32)


def _straight(film: Film) -> Film:
    return np.asarray(film[..., :3] / np.maximum(film[..., 3:4], 1e-4), dtype=np.float32)


def _filtered(light: Film, guide: Film, trust: Film, step: int, sigma: float) -> Film:
    """One pass over the eight neighbours at distance `step`."""
    height, width = trust.shape[:2]
    total = light * trust
    weights = trust.copy()
    tone = light.mean(axis=2, keepdims=True)
    for dy in (-step, 0, step):
        for dx in (-step, 0, step):
            if not (dx or dy) or abs(dy) >= height or abs(dx) >= width:
                continue
            center = np.s_[max(dy, 0) : height + min(dy, 0), max(dx, 0) : width + min(dx, 0)]
            neighbour = np.s_[max(-dy, 0) : height + min(-dy, 0), max(-dx, 0) : width + min(-dx, 0)]
            difference = guide[center] - guide[neighbour]
            distance = np.einsum("yxc,yxc->yx", difference, difference)[..., None]
            distance += ((tone[center] - tone[neighbour]) / (sigma * (0.15 + tone[center]))) ** 2
            weight = np.exp(-np.minimum(distance, 12.0)) * trust[neighbour] * (0.25 if dx and dy else 0.5)
            total[center] += light[neighbour] * weight
            weights[center] += weight
    return np.asarray(total / np.maximum(weights, 1e-9), dtype=np.float32)
