"""How good is Noise2Void on a known image, in how much time, beside classical denoisers?"""

from __future__ import annotations

import dataclasses
import time

import numpy as np

SEED, SPREAD = 0, 25.0
TRIED = 40  # updates by which it is told how many fit into the time
SHARE = 0.85  # of the time that is for updates; the rest judges epochs and builds nets


def noisy_camera() -> tuple[np.ndarray, np.ndarray]:
    """Return scikit-image's `camera`, uint8 (512, 512), and the same with normal noise of 25, float64."""
    from skimage.data import camera

    clean = camera()
    return clean, clean + np.random.default_rng(SEED).normal(0, SPREAD, clean.shape)


def denoising_quality(seconds: float = 280.0) -> dict[str, float]:
    """Train on the noisy `camera` alone for so many CPU-seconds; return PSNR in dB, SSIM of the net, and what it took.

    Classical filters are given twice: with their strength chosen without the truth, as one has to, and by it.

    Parameters
    ----------
    seconds : float
        CPU time of the training, about.
    """
    from clew.measure.noise import noise_of
    from clew.measure.smoothing import psnr, smoothing
    from clew.neural.denoise import fit_denoiser
    from clew.neural.denoise_settings import DenoiseSettings

    clean, noisy = noisy_camera()
    image = noisy[None]
    settings = DenoiseSettings(structure="none", updates=TRIED, turns=False)
    began = time.process_time()
    fit_denoiser([image], settings=settings)
    updates = max(TRIED, int(TRIED * SHARE * seconds / (time.process_time() - began)))
    began = time.process_time()
    denoiser = fit_denoiser([image], settings=dataclasses.replace(settings, updates=updates))
    took = time.process_time() - began
    level = noise_of(noisy).level
    found = {"noisy": psnr(noisy, clean)}
    for known, truth in (("chosen blindly", None), ("chosen by the truth", clean)):
        rivals = smoothing(noisy, level=level, clean=truth)
        found |= {f"{name}, {known}": psnr(one, clean) for name, one in zip(rivals.methods, rivals.images)}
    from skimage.metrics import structural_similarity

    for name, one in (("net", denoiser), ("net, turned", dataclasses.replace(denoiser, turns=True))):
        answer = one.apply(image)[0]
        found[name] = psnr(answer, clean)
        found[f"{name}, SSIM"] = float(structural_similarity(clean, answer.clip(0, 255), data_range=255))
    return found | {"updates": updates, "cpu_seconds": took, "parameters": denoiser.n_parameters}
