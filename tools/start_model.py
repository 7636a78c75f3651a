"""Trains the start model: the context network, on random synthetic volumes alone.

`python tools/start_model.py FOLDER --minutes 60` keeps a checkpoint in FOLDER and goes on from the one it finds there; every
minute the mean of the weights so far is written as `start_context.safetensors` with its card. `--ship` also puts both into
the package.

Two images of one random anatomy differ in much but the anatomy. The network learns maps by which a voxel's region is recognized
from voxels some way off, in either image, as a user's strokes are some way off (contrast); and from which small heads can read
what a voxel's surroundings are (regression). The heads are thrown away.

Source:
    Goldberger et al. 2004, Neighbourhood Components Analysis (the contrast); Dey et al. 2024, Learning General-Purpose
    Biomedical Volume Representations using Randomized Synthesis (two images of a random anatomy).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import time
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save
from synthetic_volumes import TARGETS, draw_anatomy, draw_places, draw_views, targets
from torch import nn

from semseg_core.files import replacing
from semseg_core.models.context import FEATURES, ContextNetwork, basic_u_net
from semseg_core.tuning import tune_process

SEED = 20261121

THREADS = 1
"""A second one makes a step no quicker as soon as anything else runs on two cores: 1.2 s with one, 3.0 s with two."""

SIZES = (32, 32, 32, 48)
"""Edges of the volumes of successive steps; larger ones show more of what lies around."""

ANATOMIES = {32: 2, 48: 1}
"""Anatomies of a step, by edge; each is seen twice. At first many small steps teach more than few large ones."""

PLACES = 4096
"""Voxels of an anatomy that heads are asked about."""

CONTRASTED = 512
"""Voxels of an anatomy that are compared with one another, in both views."""

FEATURE_NOISE = 0.3
"""Noise on the maps while they are learnt, in deviations of each: what heads can read must not be written small, where a
learner with few marks would not find it."""

FAR_VOXELS = 5.0
"""Voxels of one region that are nearer than this are not compared: they are alike without any learning."""

TEMPERATURE = 0.15
CONTRAST_WEIGHT = 1.0
OBJECTIVE = f"neighbourhood components beyond {FAR_VOXELS:g} voxels (weight {CONTRAST_WEIGHT:g}), {len(TARGETS)} regressions"
LEARNING_RATE = 2e-3
WARM_UP_STEPS = 60
WEIGHT_DECAY = 1e-4
AVERAGE_STEPS = 300
"""Steps that the mean of the weights looks back."""

PACKAGE = Path(__file__).resolve().parent.parent / "SemanticSeg" / "semseg_core" / "models" / "start"
NAME = "start_context"
CHECKPOINT = "start_model.pt"

CARD = {
    "name": "SemanticSeg start model",
    "licence": "Apache-2.0, as the rest of SemanticSeg; it was trained on no one's data, so nobody else has rights in it.",
    "trained_on": "Synthetic volumes only: random label maps of nested bodies, folds, sheets, tubes and blobs, in random"
    " contrast, sharpness, resolution, shading and noise (tools/synthetic_volumes.py). No image of a person, animal or thing.",
    "intended_use": "Start of the context network of a model that is then trained on a user's marks, or 16 dense features beside"
    " those of the feature bank. Any modality; one scaled map in, more by start_context().",
    "limits": "It names nothing and knows no anatomy. It has seen volumes of 32 to 48 voxels along an edge, intensities scaled to"
    " about 0 to 1, and nothing else; what it is worth on real images is written down in docs/benchmarks.md.",
}


class Heads(nn.Module):
    """What reads the maps while they are learnt."""

    def __init__(self) -> None:
        super().__init__()
        self.contrast = nn.Sequential(nn.Linear(FEATURES, 64), nn.GELU(), nn.Linear(64, 32))
        self.regression = nn.Sequential(nn.Linear(FEATURES, 64), nn.GELU(), nn.Linear(64, len(TARGETS)))


def main() -> None:
    """Train until the minutes are over."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="where the checkpoint and the model are written")
    parser.add_argument("--minutes", type=float, default=60.0, help="training time in all, earlier runs included")
    parser.add_argument("--ship", action="store_true", help="also put the model into the package")
    arguments = parser.parse_args()
    tune_process()
    torch.manual_seed(SEED)
    torch.set_num_threads(THREADS)
    arguments.folder.mkdir(parents=True, exist_ok=True)
    training = Training(arguments.minutes * 60.0)
    checkpoint = arguments.folder / CHECKPOINT
    if checkpoint.exists():
        training.load_state_dict(torch.load(checkpoint, weights_only=True))
    saved = training.seconds
    while training.seconds < training.limit_s:
        training.step()
        if training.seconds - saved > 60.0 or training.seconds >= training.limit_s:
            saved = training.seconds
            print(training.report(), flush=True)
            with replacing(checkpoint, "checkpoint") as file:
                torch.save(training.state_dict(), file)
            export(training, arguments.folder)
    if arguments.ship:
        export(training, PACKAGE)


class Training:
    """Networks, optimizer and clock.

    Args:
        limit_s: Seconds it takes in all; the learning rate falls to zero by then.
    """

    def __init__(self, limit_s: float) -> None:
        self.limit_s = limit_s
        self.network = ContextNetwork(basic_u_net(1, (1.0, 1.0, 1.0)))
        self.heads = Heads()
        self.mean = {name: tensor.clone() for name, tensor in self.network.state_dict().items()}
        parameters = [*self.network.parameters(), *self.heads.parameters()]
        self.optimizer = torch.optim.AdamW(parameters, LEARNING_RATE, weight_decay=WEIGHT_DECAY)
        self.steps = 0
        self.steps_by_objective: dict[str, int] = {}
        self.seconds = 0.0
        self.losses: list[list[float]] = []

    def step(self) -> None:
        """One batch."""
        began = time.monotonic()
        images, regions, truth, places = draw_batch(self.steps)
        rate = 0.5 * (1 + math.cos(math.pi * min(self.seconds / self.limit_s, 1.0))) * min(1.0, (self.steps + 1) / WARM_UP_STEPS)
        for group in self.optimizer.param_groups:
            group["lr"] = LEARNING_RATE * rate
        maps = self.network(images).flatten(2)
        features = maps.gather(2, places.repeat_interleave(2, 0)[:, None].expand(-1, FEATURES, -1)).transpose(1, 2)
        noise = torch.randn(features.shape, generator=torch.Generator().manual_seed(SEED + self.steps))
        features = features + FEATURE_NOISE * features.detach().std((0, 1)) * noise
        errors = nn.functional.smooth_l1_loss(self.heads.regression(features), truth, reduction="none", beta=0.1).mean((0, 1))
        pairs = self.heads.contrast(features[:, :CONTRASTED]).unflatten(0, (-1, 2)).flatten(1, 2)
        compared = zip(pairs, regions[:, :CONTRASTED], places[:, :CONTRASTED], strict=True)
        contrast = torch.stack([neighbour_loss(*one, images.shape[-1]) for one in compared]).mean()
        self.optimizer.zero_grad()
        (CONTRAST_WEIGHT * contrast + errors.sum()).backward()
        nn.utils.clip_grad_norm_([*self.network.parameters(), *self.heads.parameters()], 5.0)
        self.optimizer.step()
        self.steps += 1
        self.steps_by_objective[OBJECTIVE] = self.steps_by_objective.get(OBJECTIVE, 0) + 1
        share = max(1.0 / AVERAGE_STEPS, 1.0 / self.steps)
        for name, tensor in self.network.state_dict().items():
            self.mean[name].lerp_(tensor, share)
        self.losses.append([contrast.item(), *errors.tolist()])
        self.seconds += time.monotonic() - began

    def report(self) -> str:
        """Means of the losses since the last report, on one line."""
        contrast, *errors = np.mean(self.losses, axis=0)
        self.losses = []
        listed = ", ".join(f"{name} {error:.3f}" for name, error in zip(TARGETS, errors, strict=True))
        return f"{self.seconds / 60:.1f} min, step {self.steps}: contrast {contrast:.3f}, regression {sum(errors):.3f} ({listed})"

    def state_dict(self) -> dict[str, object]:
        """All that is needed to go on."""
        parts = {"network": self.network, "heads": self.heads, "optimizer": self.optimizer}
        states = {name: part.state_dict() for name, part in parts.items()}
        counts = {"steps": self.steps, "seconds": self.seconds, "steps_by_objective": self.steps_by_objective}
        return {**states, "mean": self.mean, **counts}

    def load_state_dict(self, state: dict[str, object]) -> None:
        """Go on from there."""
        self.network.load_state_dict(state["network"])
        self.heads.load_state_dict(state["heads"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.mean, self.steps, self.seconds = state["mean"], state["steps"], state["seconds"]
        self.steps_by_objective = state["steps_by_objective"]


def draw_batch(step: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Images (2 A, 1, D, H, W), regions (A, N), targets (2 A, N, T) and places (A, N) of a step; the same whenever asked."""
    size = SIZES[step % len(SIZES)]
    parts = []
    for item in range(ANATOMIES[size]):
        generator = np.random.default_rng((SEED, step, item))
        anatomy = draw_anatomy(generator, size)
        views = draw_views(generator, anatomy)
        places = draw_places(generator, anatomy, PLACES)
        images = np.stack([view.image for view in views])
        parts.append((images, anatomy.regions.ravel()[places], targets(anatomy, views, places), places))
    images, regions, truth, places = (torch.as_tensor(np.stack(part)) for part in zip(*parts, strict=True))
    return images.flatten(0, 1)[:, None], regions, truth.flatten(0, 1), places


def neighbour_loss(vectors: torch.Tensor, regions: torch.Tensor, places: torch.Tensor, size: int) -> torch.Tensor:
    """Minus the mean log probability that a voxel picks one of its own region, among distant ones of it and all of others.

    Args:
        vectors: (2 N, F), of N voxels in one view and in the other. The likelier picked, the smaller the angle.
        regions: Of the voxels, (N,).
        places: Of the voxels in the flattened volume, (N,).
        size: Edge of the volume.

    Returns:
        0 at best; 0 without voxels that have a distant one of their region.
    """
    points = torch.stack([places // size**2, places // size % size, places % size], dim=1).to(vectors.dtype).repeat(2, 1)
    same = regions.repeat(2)[:, None] == regions.repeat(2)[None]
    distant = same & (torch.cdist(points, points) > FAR_VOXELS)
    asked = distant.any(1)
    normal = nn.functional.normalize(vectors, dim=1)
    closeness = normal[asked] @ normal.T / TEMPERATURE
    own = closeness.masked_fill(~distant[asked], -torch.inf).logsumexp(1)
    candidates = closeness.masked_fill((same & ~distant)[asked], -torch.inf).logsumexp(1)
    return (candidates - own).sum() / max(int(asked.sum()), 1)


def export(training: Training, folder: Path) -> None:
    """Write the mean weights and their card."""
    weights = save({name: tensor.to(torch.float16).contiguous() for name, tensor in training.mean.items()})
    card = {
        "schema": 1,
        **CARD,
        "shape": training.network.shape.to_record(),
        "weights": {
            "file": f"{NAME}.safetensors",
            "sha256": hashlib.sha256(weights).hexdigest(),
            "bytes": len(weights),
            "stored_as": "float16",
        },
        "recipe": {
            "script": "tools/start_model.py",
            "seed": SEED,
            "steps": training.steps,
            "minutes": round(training.seconds / 60, 1),
            "minutes_planned": round(training.limit_s / 60, 1),
            "machine": f"one core of a 2-core CPU at 2.5 GHz that other programs kept busy too, PyTorch {torch.__version__}",
            "edges": list(SIZES),
            "learning_rate": LEARNING_RATE,
            "steps_by_objective": training.steps_by_objective,
            "temperature": TEMPERATURE,
            "feature_noise": FEATURE_NOISE,
            "average_steps": AVERAGE_STEPS,
        },
    }
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / f"{NAME}.safetensors", "start model") as file:
        file.write_bytes(weights)
    with replacing(folder / f"{NAME}.json", "start model") as file:
        file.write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
