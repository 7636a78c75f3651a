"""Boundary and region losses retested on two tumor patients (Usman et al. 2025, arXiv 2502.09148; Chen et al., TPAMI 2023).

As in the study: two channels, z-scores, whole volumes, a small 3D U-Net, AdamW with clipped gradients, and its augmentation. Not
as in the study: batches of one, instance normalization, residual units that start at half the resolution, no dropout, no L1 term,
and a fixed number of steps instead of early stopping.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from claims_report import Claim, Row, Section
from monai.networks.nets import UNet
from torch.nn import functional

from semseg_core.data.images import read_label_map, read_volume
from semseg_core.labels.label import Label
from semseg_core.labels.tree import LabelTree
from semseg_core.losses.table import build_loss
from semseg_core.metrics.surface import surface_agreement

IMAGES = "tumour-brats2013"
PATIENTS = ("brats_2013_pat0005_1", "brats_2013_pat0006_1")
CHANNELS = {"T1c": "T1c_subtrMeanDivStd", "FLAIR": "Flair_subtrMeanDivStd"}
STEPS = 200
SHRINK = 3
"""Voxels of 1 mm per working voxel and axis; results are scored at 1 mm."""

STRIDE = 8
"""Of the network's deepest level."""

VARIANTS = 40
"""Augmented copies of the training patient, shared by all losses of a seed."""

TOLERANCE_MM = 2.0
REST, TUMOR = Label(2, "rest", 2, 1), Label(3, "whole tumor", 3, 1)
LESION_TREE = LabelTree((Label(1, "head", 1), REST, TUMOR), title="whole tumor and rest")

LOSSES = {
    "Dice": "dice",
    "Dice-Focal": "dice-focal",
    "Tversky": "tversky",
    "Hausdorff": "hausdorff",
    "Dice-Focal-Hausdorff": "dice-focal-hausdorff",
    "Tversky-Hausdorff": "tversky-hausdorff",
    "region Tversky, 16 boxes per axis": "region-tversky",
    "region Tversky, boxes of 16 voxels": "region-tversky(size=16)",
}

DICE, NSD, DISTANCE = "Dice", f"NSD at {TOLERANCE_MM:g} mm", "surface distance, mm"
SECTIONS = (
    Section(
        "lesion",
        "Boundary and region losses",
        f"Whole tumor against rest on T1c and FLAIR (BraTS 2013), trained on one patient and tested on the other, {SHRINK} mm. "
        "**Two patients prove nothing: this is a check of how the losses behave, not of which is best.** The surface distance "
        "leaves out runs that found nothing, which flatters a loss that does so.",
        {DICE: 3, NSD: 3, DISTANCE: 2},
        (
            Claim("Dice-Focal", "Dice", DICE, True),
            Claim("Dice-Focal-Hausdorff", "Dice-Focal", DICE, True),
            Claim("Dice-Focal-Hausdorff", "Dice-Focal", DISTANCE, False),
            Claim("Tversky-Hausdorff", "Tversky", DICE, True),
            Claim("Tversky-Hausdorff", "Tversky", NSD, True),
            Claim("Tversky-Hausdorff", "Tversky", DISTANCE, False),
            Claim("Tversky-Hausdorff", "Dice-Focal-Hausdorff", DICE, True),
            Claim("Hausdorff", "Dice", DICE, False),
            Claim("region Tversky, 16 boxes per axis", "Dice", DICE, True),
            Claim("region Tversky, boxes of 16 voxels", "Dice", DICE, True),
        ),
    ),
)


@dataclass(frozen=True, eq=False)
class Patient:
    """One patient, cropped to the brain.

    Args:
        name: Of its files.
        image: Z-scores at the working resolution, (1, 2, d, h, w).
        mask: Tumor at the working resolution, (1, 1, d, h, w), 0 or 1.
        truth: Tumor as labelled, (D, H, W) bool.
        spacing_mm: Of the truth.
    """

    name: str
    image: torch.Tensor
    mask: torch.Tensor
    truth: np.ndarray
    spacing_mm: tuple[float, float, float]


def rounds(data: Path, steps: int, seeds: int) -> Iterator[list[Row]]:
    """Rows of one fold and seed, all losses at a time."""
    patients = [read_patient(data / IMAGES, name) for name in PATIENTS]
    for seed in range(seeds):
        for trained, tested in (patients, patients[::-1]):
            rng = np.random.default_rng(seed)
            variants = [augmented(trained.image, trained.mask, rng) for _ in range(min(VARIANTS, steps))]
            yield [
                Row("lesion", method, tested.name, seed, score(train(expression, variants, steps, seed), tested))
                for method, expression in LOSSES.items()
            ]


def read_patient(folder: Path, name: str) -> Patient:
    """Read, crop to the brain, scale to z-scores of the brain (0 outside) and shrink."""
    volume = read_volume([folder / f"{name}_{file}.nii.gz" for file in CHANNELS.values()], tuple(CHANNELS))
    tumor = read_label_map(folder / f"{name}_OTMultiClass.nii.gz").array > 0
    brain = (volume.array > volume.array.min(axis=(1, 2, 3), keepdims=True)).all(axis=0)
    scores = [np.where(brain, (channel - channel[brain].mean()) / channel[brain].std(), 0.0) for channel in volume.array]
    box = tuple(slice(found.min(), found.max() + 1) for found in np.nonzero(brain | tumor))
    image = torch.as_tensor(np.stack([cropped(channel, box) for channel in scores])[None], dtype=torch.float32)
    truth = cropped(tumor, box)
    share = functional.avg_pool3d(torch.as_tensor(truth[None, None], dtype=torch.float32), SHRINK)
    return Patient(name, functional.avg_pool3d(image, SHRINK), (share >= 0.5).float(), truth, volume.grid.spacing_mm)


def cropped(array: np.ndarray, box: tuple[slice, ...]) -> np.ndarray:
    """The part in a box, with zeros added behind until every side is a multiple of `SHRINK` and of the network's strides."""
    part = array[box]
    return np.pad(part, [(0, -size % (SHRINK * STRIDE)) for size in part.shape])


def augmented(image: torch.Tensor, mask: torch.Tensor, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """The study's augmentation, each part with probability one half: noise, anisotropy, blur, gamma, elastic.

    Source:
        Ranges of Usman et al.; the blur in voxels. Meaning of each, and the elastic field (7 control points per axis, up to
        7.5 mm, the outer two at rest), as TorchIO has them.
    """
    from scipy.ndimage import gaussian_filter

    if rng.random() < 0.5:
        image = image + 0.01 * torch.as_tensor(rng.standard_normal(image.shape), dtype=torch.float32)
    if rng.random() < 0.5:
        axis, factor = rng.integers(3), rng.uniform(1.2, 2.0)
        size = list(image.shape[2:])
        size[axis] = max(1, round(size[axis] / factor))
        coarse = functional.interpolate(image, size, mode="nearest-exact")
        image = functional.interpolate(coarse, image.shape[2:], mode="trilinear")
    if rng.random() < 0.5:
        image = torch.as_tensor(gaussian_filter(image.numpy(), (0.0, 0.0, *(rng.uniform(0.0, 0.5, 3)))))
    if rng.random() < 0.5:
        image = image.sign() * image.abs() ** float(np.exp(rng.uniform(-0.1, 0.1)))
    if rng.random() < 0.5:
        places = elastic_places(image.shape[2:], rng)
        image = functional.grid_sample(image, places, mode="bilinear", padding_mode="border", align_corners=False)
        mask = functional.grid_sample(mask, places, mode="nearest", padding_mode="border", align_corners=False)
    return image, mask


def elastic_places(shape: torch.Size, rng: np.random.Generator) -> torch.Tensor:
    """Where each voxel of a deformed volume comes from, (1, *shape, 3), as `grid_sample` wants it."""
    points, rest, largest_mm = 7, 2, 7.5
    shifts = np.zeros((1, 3, points, points, points))
    moving = slice(rest, points - rest)
    shifts[:, :, moving, moving, moving] = rng.uniform(-largest_mm, largest_mm, (1, 3) + (points - 2 * rest,) * 3)
    smooth = functional.interpolate(torch.as_tensor(shifts, dtype=torch.float32), shape, mode="trilinear", align_corners=True)
    # From millimeters to fractions of half the volume, x (the last axis) first.
    extents_mm = torch.tensor([size * SHRINK / 2.0 for size in reversed(shape)])
    identity = functional.affine_grid(torch.eye(3, 4)[None], [1, 1, *shape], align_corners=False)
    return identity + smooth.permute(0, 2, 3, 4, 1) / extents_mm


def train(expression: str, variants: list[tuple[torch.Tensor, torch.Tensor]], steps: int, seed: int) -> torch.nn.Module:
    """A network trained on augmented copies, each in turn; equal seeds give equal initial weights and batches."""
    torch.manual_seed(seed)
    network = UNet(3, len(CHANNELS), 2, channels=(8, 16, 32, 64), strides=(2, 2, 2), num_res_units=2)
    loss = build_loss(expression, LESION_TREE, background=REST.name)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.1 ** (1.0 / steps))  # a tenth of the rate at the end
    for step in range(steps):
        image, mask = variants[step % len(variants)]
        positions = LESION_TREE.position(REST.id) + mask[:, 0].long()  # the tumor comes right after the rest
        optimizer.zero_grad()
        loss(network(image), positions).backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    return network.eval()


def score(network: torch.nn.Module, patient: Patient) -> dict[str, float]:
    """The figures of a network on a patient, at the resolution of the truth."""
    with torch.inference_mode():
        tumor = network(patient.image).softmax(dim=1)[:, 1:]
        found = functional.interpolate(tumor, scale_factor=SHRINK, mode="trilinear")[0, 0].numpy() > 0.5
    overlap = 2.0 * (found & patient.truth).sum() / (found.sum() + patient.truth.sum())
    nsd, distance = surface_agreement(found, patient.truth, patient.spacing_mm, TOLERANCE_MM)
    return {DICE: float(overlap), NSD: nsd, DISTANCE: distance}
