"""U-Nets, denoisers and autoencoders, beside MONAI, scikit-image, a plain loop of torch, and principal components."""

from __future__ import annotations

import itertools
from functools import cached_property, partial
from typing import Any

import numpy as np

from clew.bench.denoising_quality import SPREAD, noisy_camera
from clew.bench.timing import Quality, Side, Sides, Work

LEVELS, CLASSES, UPDATES, BATCH, PIECE = (16, 16, 32, 64, 128), 3, 200, 8, 96
SIDE, TILE = 2048, 1024  # px, of the image that both answer, and of clew's tiles
ROI, OVERLAP = 256, 0.25  # of MONAI's sliding window, as its tutorials have them
LATENT, EPOCHS = 8, 100


def works() -> list[Work]:
    """Return the rows of ``clew bench encoders``.

    Nuclei are simulated (`Nuclei`, seed 0): discs that touch, blurred, with noise; 8 images teach, 4 others judge. Both
    U-Nets have five levels of the same widths, two convolutions a level, a batch of 8 pieces of 96 px, AdamW on one cycle and
    as many updates by pieces as they are, on one thread; MONAI's is its `BasicUNet`, with its own transform for pieces. The
    photograph is scikit-image's `camera` with normal noise of 25 (seed 0); rivals have the strength that scikit-image's own
    `calibrate_denoiser` finds without the clean image. Digits are scikit-learn's, 8 x 8.
    """
    monai = ("torch", "monai", "scikit-image")
    learnt = f"{UPDATES} updates of a U-Net with {len(LEVELS)} levels on simulated nuclei"
    return [
        Work("unet-train", learnt, _trained, "MONAI BasicUNet, its transform, a plain loop", monai),
        Work("unet-predict", f"{SIDE} x {SIDE} px answered by a U-Net", _answered, f"MONAI sliding window of {ROI}, overlap {OVERLAP}", monai),
        Work("denoise-camera", "512 x 512 px denoised by N2V2, trained on them alone", _denoised, "scikit-image non-local means, calibrated", ("torch", "scikit-image")),
        Work("code-digits", f"{EPOCHS} epochs of an autoencoder with {LATENT} latent units", _coded, "scikit-learn PCA", ("torch",)),
        Work("vae-loop", f"{EPOCHS} epochs of a VAE with {LATENT} latent units", _vae, "plain torch loop", ("torch",)),
    ]  # fmt: skip


# ---- nuclei ----
class Nuclei:
    """Simulated nuclei, some of which touch, and U-Nets that learn to tell them apart.

    Parameters
    ----------
    side : int
        Of an image in px.
    n : int
        Images to learn from.
    """

    def __init__(self, side: int = 256, n: int = 8) -> None:
        made = [nuclei(side, seed) for seed in range(n + 4)]
        self.images, self.labels = [one[0] for one in made[:n]], [one[1] for one in made[:n]]
        self.unseen, self.truth = [one[0] for one in made[n:]], [one[1] for one in made[n:]]

    @cached_property
    def answers(self) -> list[np.ndarray]:
        """Return background, object and border for each image."""
        from clew.neural.segmenting import instance_targets

        return [instance_targets(one) for one in self.labels]

    def ours(self, i: int) -> Any:
        """Train by `fit_unet`; return the net."""
        from clew.neural.segmenting import fit_unet
        from clew.neural.unet_settings import UNetSettings

        settings = UNetSettings(
            channels=list(LEVELS), updates=UPDATES, patch=PIECE, held_out=0, augment="none"
        )
        [net] = fit_unet(self.images, self.answers, n_classes=CLASSES, settings=settings, random_state=i).nets
        return net

    def monai(self, i: int) -> Any:
        """Train MONAI's `BasicUNet` as its tutorials do; return the net."""
        import torch
        from monai.networks.nets import BasicUNet
        from monai.transforms import RandSpatialCropd
        from monai.utils import set_determinism

        torch.set_num_threads(1)
        set_determinism(seed=i)
        net = BasicUNet(
            spatial_dims=2, in_channels=1, out_channels=CLASSES, features=(*LEVELS, LEVELS[0]), norm="batch"
        )
        keys = ["image", "label"]
        cut = RandSpatialCropd(keys, (PIECE, PIECE), random_size=False)
        optimizer = torch.optim.AdamW(net.parameters(), lr=0.004, weight_decay=0.01)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.004, total_steps=UPDATES)
        random = np.random.default_rng(i)
        rows = [{"image": torch.from_numpy(image), "label": torch.from_numpy(said)[None]} for image, said in zip(self.images, self.answers)]  # fmt: skip
        net.train()
        for _ in range(UPDATES):
            batch = [cut(rows[j]) for j in random.integers(len(rows), size=BATCH)]
            x, y = (torch.stack([torch.as_tensor(one[key]) for one in batch]) for key in keys)
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(net(x), y[:, 0].long()).backward()
            optimizer.step()
            schedule.step()
        return net.eval()

    def judge(self, outcomes: list[Any]) -> Quality:
        """Tell the foreground's IoU, and the AP of objects at an IoU of 0.5, on images that taught nothing."""
        import torch

        from clew.measure.segment import objects_by_border
        from clew.validate.objects import compare_objects

        with torch.no_grad():
            said = [outcomes[-1](torch.from_numpy(one)[None])[0].argmax(0).numpy() for one in self.unseen]
        objects = [objects_by_border(one, object=1, border=2) for one in said]
        matched = compare_objects(self.truth, objects)
        both = [
            ((one > 0) & (true > 0)).sum() / ((one > 0) | (true > 0)).sum()
            for one, true in zip(said, self.truth)
        ]
        return {
            "iou": float(np.mean(both)),
            "ap": float(matched.metrics["ap_50"].value),
            "parameters": float(sum(one.numel() for one in outcomes[-1].parameters())),
        }


def nuclei(side: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Simulate an image of discs, of which some touch: float32 (1, side, side) in 0 to 1, and the number of each pixel's disc."""
    from scipy.ndimage import gaussian_filter

    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:side, :side]
    labels, light = np.zeros((side, side), np.int64), np.zeros((side, side))
    for number in range(1, side * side // 700):
        row, column = random.uniform(0, side, 2)
        inside = (rows - row) ** 2 + (columns - column) ** 2 < random.uniform(6, 13) ** 2
        if (labels[inside] > 0).mean() < 0.1:  # they touch, and hide little of each other
            labels[inside & (labels == 0)] = number
            light[inside] += random.uniform(0.4, 1.0)
    noisy = gaussian_filter(light, 1.5) + random.normal(0, 0.12, light.shape)
    return noisy.astype(np.float32)[None], labels


def _trained() -> Sides:
    data = Nuclei()
    return Sides(Side(data.ours, runs=2), Side(data.monai, runs=2), data.judge)


# ---- a large image ----
class Answered:
    """A U-Net with untrained weights, the same for both sides, that answers a large image."""

    def __init__(self) -> None:
        from clew.neural.nets.unet import UNet, UNetConfig
        from clew.neural.place import seeded

        with seeded(0):
            self.net = UNet(UNetConfig.of((1, SIDE, SIDE), CLASSES, channels=LEVELS)).eval()
        self.image = np.random.default_rng(0).standard_normal((1, SIDE, SIDE)).astype(np.float32)

    def ours(self, i: int) -> np.ndarray:
        """Return scores tile by tile, each with as much around it as its answers depend on."""
        from clew.neural.place import threads
        from clew.neural.tiled import answer_tile

        out = np.empty((CLASSES, SIDE, SIDE), np.float32)
        with threads(1):
            for start in itertools.product(range(0, SIDE, TILE), repeat=2):
                stop = [min(a + TILE, SIDE) for a in start]
                at = (slice(None), *map(slice, start, stop))
                out[at] = answer_tile(
                    self.net, lambda part: self.image[(slice(None), *part)], (SIDE, SIDE), start, stop
                )
        return out

    def monai(self, i: int) -> np.ndarray:
        """Return scores by MONAI's sliding window."""
        import torch
        from monai.inferers import sliding_window_inference

        torch.set_num_threads(1)
        x = torch.from_numpy(self.image)[None]
        with torch.no_grad():
            return sliding_window_inference(x, (ROI, ROI), 4, self.net, overlap=OVERLAP, mode="gaussian")[
                0
            ].numpy()

    @cached_property
    def whole(self) -> np.ndarray:
        """Return the scores of the image in one piece."""
        import torch

        with torch.no_grad():
            return self.net(torch.from_numpy(self.image)[None])[0].numpy()

    def judge(self, outcomes: list[np.ndarray]) -> Quality:
        """Tell how far scores lie from those of the whole image, and in which share of the pixels the class differs."""
        off = np.abs(outcomes[-1] - self.whole)
        differs = outcomes[-1].argmax(0) != self.whole.argmax(0)
        return {"off": float(off.max()), "other class": float(differs.mean())}


def _answered() -> Sides:
    data = Answered()
    return Sides(Side(data.ours), Side(data.monai), data.judge)


# ---- a noisy photograph ----
class Camera:
    """A photograph with noise that is known, and what takes it away."""

    def __init__(self) -> None:
        self.clean, self.noisy = noisy_camera()

    def ours(self, i: int) -> np.ndarray:
        """Train N2V2 on the noisy photograph, and return it without noise."""
        from clew.neural.denoise import fit_denoiser
        from clew.neural.denoise_settings import DenoiseSettings

        denoiser = fit_denoiser(
            [self.noisy[None]], settings=DenoiseSettings(structure="none", random_state=i)
        )
        return denoiser.apply(self.noisy[None])[0]

    def means(self, i: int) -> np.ndarray:
        """Return the photograph after non-local means, told the noise, whose strength scikit-image chooses without the clean one."""
        from skimage.restoration import calibrate_denoiser, denoise_nl_means

        settings = {"patch_size": 5, "patch_distance": 6, "fast_mode": True, "sigma": SPREAD}
        tried = {"h": [SPREAD * factor for factor in (0.4, 0.6, 0.8, 1.0)]}
        chosen = calibrate_denoiser(self.noisy, partial(denoise_nl_means, **settings), tried)
        return chosen(self.noisy)

    def judge(self, outcomes: list[np.ndarray]) -> Quality:
        """Tell how near the clean photograph is: PSNR in dB, and SSIM."""
        from skimage.metrics import peak_signal_noise_ratio, structural_similarity

        found = np.clip(outcomes[-1], 0, 255)
        psnr = peak_signal_noise_ratio(self.clean, found, data_range=255)
        return {"psnr": float(psnr), "ssim": float(structural_similarity(self.clean, found, data_range=255))}


def _denoised() -> Sides:
    data = Camera()
    return Sides(Side(data.ours, runs=1, fixed=True, warm=lambda: None), Side(data.means), data.judge)


# ---- digits ----
class Codes:
    """Handwritten digits of 8 x 8 px in a few numbers, and how well these tell them apart."""

    def __init__(self) -> None:
        from sklearn.datasets import load_digits

        self.X, self.y = load_digits(return_X_y=True)
        self.X /= 16
        self.learn = np.random.default_rng(0).permutation(len(self.X)) < 0.7 * len(self.X)

    def ours(self, i: int) -> np.ndarray:
        """Return the latent units of an autoencoder."""
        from clew.neural.coders import NetAutoencoder

        coder = NetAutoencoder(
            net_settings={"latent": LATENT},
            scale="none",
            max_epochs=EPOCHS,
            lr=3e-3,
            schedule="one-cycle",
            random_state=i,
        )
        return coder.fit(self.X[self.learn]).embed(self.X)

    def pca(self, i: int) -> np.ndarray:
        """Return the first principal components."""
        from sklearn.decomposition import PCA

        return PCA(LATENT, random_state=i).fit(self.X[self.learn]).transform(self.X)

    def judge(self, outcomes: list[np.ndarray]) -> Quality:
        """Tell the accuracy of the five nearest neighbours on digits that taught nothing."""
        from sklearn.neighbors import KNeighborsClassifier

        codes = outcomes[-1]
        nearest = KNeighborsClassifier(5).fit(codes[self.learn], self.y[self.learn])
        return {"accuracy": float(nearest.score(codes[~self.learn], self.y[~self.learn]))}


def _coded() -> Sides:
    data = Codes()
    return Sides(Side(data.ours), Side(data.pca), data.judge)


class Variational(Codes):
    """The same digits and a VAE, trained by clew's loop and by one that is written by hand."""

    def ours(self, i: int) -> np.ndarray:
        """Train by `NetVae`; return the ELBO of digits that taught nothing."""
        vae = self.estimator(i).fit(self.X[self.learn])
        return vae.elbo(self.X[~self.learn])

    def estimator(self, i: int, epochs: int = EPOCHS) -> Any:
        """Return ours, not yet trained."""
        from clew.neural.coders import NetVae

        settings = {"latent": LATENT, "likelihood": "bernoulli"}
        return NetVae(net_settings=settings, scale="none", max_epochs=epochs, batch_size=32, random_state=i)

    def loop(self, i: int) -> np.ndarray:
        """Train the same net by a plain loop; return its ELBO."""
        import torch
        from torch.nn.functional import binary_cross_entropy_with_logits

        torch.set_num_threads(1)
        made = self.estimator(i, epochs=1).fit(self.X[self.learn][:32])  # the net, and what asks it
        net, x = made.net_.train(), torch.from_numpy(self.X[self.learn].astype(np.float32))
        optimizer = torch.optim.AdamW(net.parameters(), lr=1e-3, weight_decay=0.0)
        for _ in range(EPOCHS):
            for rows in torch.randperm(len(x)).split(32):
                optimizer.zero_grad()
                coded = net(x[rows])
                fits = binary_cross_entropy_with_logits(coded.decoded, x[rows], reduction="sum")
                kept = 1 + coded.log_variance - coded.mean**2 - coded.log_variance.exp()
                ((fits - 0.5 * kept.sum()) / len(rows)).backward()
                optimizer.step()
        net.eval()
        return made.elbo(self.X[~self.learn])

    def judge(self, outcomes: list[np.ndarray]) -> Quality:
        """Tell the mean ELBO in nats."""
        return {"elbo": float(np.mean(outcomes[-1]))}


def _vae() -> Sides:
    data = Variational()
    return Sides(Side(data.ours), Side(data.loop), data.judge)
