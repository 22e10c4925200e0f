"""Takes the grain out of a picture of few samples: an edge-avoiding wavelet filter on the light, not on the colours."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Film = npt.NDArray[np.float32]

CHANNELS = 11
"""Linear premultiplied RGBA, then of the first hit: albedo (3), normal (3), depth (1); all weighted with coverage."""

_STEPS = (1, 2, 4, 8)
_NORMAL_SIGMA = 0.10
_DEPTH_SIGMA_CM = 0.45
_LIGHT_SIGMA = 0.9


def denoise(film: Film) -> Film:
    """The RGBA of a film with `CHANNELS` channels, height x width; premultiplied as it came."""
    covered = np.argwhere(film[..., 3] > 0)
    if not len(covered):
        return film[..., :4]
    (top, left), (bottom, right) = covered.min(axis=0), covered.max(axis=0) + 1
    part = film[top:bottom, left:right]
    alpha = part[..., 3:4]
    scale = 1.0 / np.maximum(alpha, 1e-4)
    albedo = np.maximum(part[..., 4:7] * scale, 0.02)
    light = part[..., :3] * scale / albedo
    guide = np.concatenate([part[..., 7:10] * scale / _NORMAL_SIGMA, part[..., 10:] * scale / _DEPTH_SIGMA_CM], axis=2)
    for number, step in enumerate(_STEPS):
        light = _filtered(light, guide, alpha, step, _LIGHT_SIGMA * 0.5**number)
    result = film[..., :4].copy()
    result[top:bottom, left:right, :3] = light * albedo * alpha
    return result


def _filtered(light: Film, guide: Film, alpha: Film, step: int, sigma: float) -> Film:
    """One pass over the eight neighbours at a distance."""
    height, width = alpha.shape[:2]
    total = light * alpha
    weights = alpha.copy()
    spread = guide.copy()
    spread[..., 3] /= step
    tone = light.mean(axis=2, keepdims=True)
    for dy in (-step, 0, step):
        for dx in (-step, 0, step):
            if not (dx or dy) or abs(dy) >= height or abs(dx) >= width:
                continue
            here = np.s_[max(dy, 0) : height + min(dy, 0), max(dx, 0) : width + min(dx, 0)]
            there = np.s_[max(-dy, 0) : height + min(-dy, 0), max(-dx, 0) : width + min(-dx, 0)]
            far = ((spread[here] - spread[there]) ** 2).sum(axis=2, keepdims=True)
            far += ((tone[here] - tone[there]) / (sigma * (0.2 + tone[here]))) ** 2
            weight = np.exp(-far) * alpha[there] * (0.5 if not (dx and dy) else 0.25)
            total[here] += light[there] * weight
            weights[here] += weight
    return np.asarray(total / np.maximum(weights, 1e-6), dtype=np.float32)
