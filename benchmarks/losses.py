"""Speed, memory and exactness of the losses, as ratios to PyTorch's cross-entropy and MONAI's losses in the same run.

    python benchmarks/losses.py [--quick] [--device cpu|cuda] [--section NAME …] [--json FILE]

Times are medians of forward and backward, interleaved; memory is the peak above what was held before, in units of the logits
tensor. Beside a ratio stands its aim, and `missed` where it is not reached.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import measure  # first: it prepares the environment for torch
import numpy as np
import torch
from measure import Cost, compare, print_table, ratio
from peers import Problem, backward, make_problem, naive_region_tversky, naive_tree_cross_entropy, random_tree
from torch.nn.functional import cross_entropy

from semseg_core.labels.encode import leaf_distances
from semseg_core.losses.table import build_loss

TREE_LOSS, WASSERSTEIN = "tree-cross-entropy", "wasserstein"

Figures = dict[str, object]


def main() -> None:
    """Run the chosen sections."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small volumes, few rounds: to try the script, not to quote")
    parser.add_argument("--device", default="cpu", help="cpu or cuda (default: cpu)")
    parser.add_argument("--section", nargs="*", choices=SECTIONS, default=list(SECTIONS), help="default: all")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    arguments = parser.parse_args()
    device = torch.device(arguments.device)
    print(measure.environment(device), flush=True)
    figures: dict[str, list[Figures]] = {}
    for name in arguments.section:
        figures[name] = SECTIONS[name](device, arguments.quick)
        print(f"\n({measure.environment(device)})", flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1), encoding="utf-8")


def scribbles(device: torch.device, quick: bool) -> list[Figures]:
    """Tree losses at annotated voxels alone against dense losses that ignore the rest."""
    print("\n## Scribbles: loss on rows of annotated voxels against dense losses\n")
    header = "leaves, size, annotated|CE ms|CE / W rows|CE / tree rows|GWDL / W rows|GWDL / tree rows|W rows / CE rows"
    header += (
        "|tree rows / CE rows|W rows, logits|tree rows, logits|W dense / CE|tree dense / CE|W dense, logits|tree dense, logits"
    )
    header += "|CE, logits|GWDL / CE|GWDL, logits|naive / CE|naive, logits"
    found: list[Figures] = []

    def lines() -> Iterator[list[str]]:
        for leaf_count, size in [(32, 64)] if quick else [(32, 64), (108, 64), (32, 96), (108, 96)]:
            for share in (0.001, 0.01, 0.1, 1.0):
                found.append(_scribble_case(make_problem(leaf_count, size, share, device), share, quick))
                yield _scribble_line(found[-1])

    print_table(header.split("|"), lines())
    return found


def _scribble_case(problem: Problem, share: float, quick: bool) -> Figures:
    """Costs for one volume and share of annotated voxels."""
    device, leaf_count, size = problem.logits.device, problem.logits.shape[1], problem.logits.shape[2]
    rows, leaves, positions = problem.rows()
    sparse_leaves, sparse_positions = problem.sparse_leaves, problem.sparse_positions
    wasserstein, tree_loss = (build_loss(name, problem.tree).to(device) for name in (WASSERSTEIN, TREE_LOSS))
    dense = {
        "CE": lambda: backward(problem.logits, lambda x: cross_entropy(x, sparse_leaves, ignore_index=-100)),
        "GWDL": _monai_wasserstein_dice(problem),
        "W dense": lambda: backward(problem.logits, lambda x: wasserstein(x, sparse_positions)),
        "tree dense": lambda: backward(problem.logits, lambda x: tree_loss(x, sparse_positions)),
    }
    if share == 1.0 and (leaf_count, size) != (108, 96):  # 4 GiB and more
        dense["naive"] = lambda: backward(problem.logits, lambda x: naive_tree_cross_entropy(x, problem.leaves, problem.tree))
    sparse = {
        "CE rows": lambda: backward(rows, lambda x: cross_entropy(x, leaves)),
        "W rows": lambda: backward(rows, lambda x: wasserstein(x, positions)),
        "tree rows": lambda: backward(rows, lambda x: tree_loss(x, positions)),
    }
    costs = compare(dense, device, 2 if quick else 5) | compare(sparse, device, 3 if quick else 9, 0.02)
    return _figures(costs, problem.logits, leaves=leaf_count, size=size, share=share)


def _scribble_line(figures: Figures) -> list[str]:
    """One row of the table; aims where the issue sets them: 108 leaves, 96³."""
    seconds, logits, share = figures["seconds"], figures["logits"], figures["share"]
    main_case = figures["leaves"] == 108 and figures["size"] == 96
    sparse_aim = main_case and share <= 0.01
    dense_aim = main_case and share == 1.0

    def divided(over: str, under: str, aim: float | None = None, at_most: bool = True) -> str:
        return ratio(seconds[over] / seconds[under], aim, at_most) if over in seconds else "–"

    def memory(name: str, aim: float | None = None) -> str:
        return ratio(logits[name], aim) if logits.get(name) is not None else "–"

    return [
        f"{figures['leaves']}, {figures['size']}³, {share:.1%}",
        f"{seconds['CE'] * 1e3:.0f}",
        *(divided("CE", name, 100 if sparse_aim else None, False) for name in ("W rows", "tree rows")),
        *(divided("GWDL", name, 200 if sparse_aim else None, False) for name in ("W rows", "tree rows")),
        *(divided(name, "CE rows", 3.5 if sparse_aim else None) for name in ("W rows", "tree rows")),
        *(memory(name, 0.05 if sparse_aim else None) for name in ("W rows", "tree rows")),
        *(divided(name, "CE", 1.0 if dense_aim else None) for name in ("W dense", "tree dense")),
        *(memory(name, 1.3 if dense_aim else None) for name in ("W dense", "tree dense")),
        memory("CE"),
        divided("GWDL", "CE"),
        memory("GWDL"),
        divided("naive", "CE"),
        memory("naive"),
    ]


def volume(device: torch.device, quick: bool) -> list[Figures]:
    """The same strokes in twice the volume: features gathered, head, loss, backward."""
    print("\n## The same strokes in twice the volume (16 features, head, tree loss)\n")
    size, count, leaf_count = (48 if quick else 96), 3000, 108
    tree = random_tree(leaf_count)
    loss = build_loss(TREE_LOSS, tree).to(device)
    head = torch.nn.Linear(16, leaf_count).to(device)
    positions = torch.randint(1, len(tree), (count,), device=device)

    def step(features: torch.Tensor, voxels: torch.Tensor) -> Callable[[], None]:
        return lambda: loss(head(features.index_select(1, voxels).t()), positions).backward()

    calls = {}
    for name, factor in (("once", 1), ("twice", 2)):
        features = torch.randn(16, factor * size**3, device=device)
        calls[name] = step(features, torch.randperm(features.shape[1], device=device)[:count])
    costs = compare(calls, device, 5 if quick else 25, 0.05)
    grown = costs["twice"].seconds / costs["once"].seconds
    print_table(["volume", "ms", "twice / once"], [[f"{size}³", f"{costs['once'].seconds * 1e3:.2f}", ratio(grown, 1.1)]])
    return [{"size": size, "seconds": {name: cost.seconds for name, cost in costs.items()}}]


def training_step(device: torch.device, quick: bool) -> list[Figures]:
    """A whole step of a small U-Net: what the loss adds to the network."""
    from monai.networks.nets import BasicUNet

    size, leaf_count = (32 if quick else 64), 108
    print(f"\n## Training step: BasicUNet of width 16, {size}³, {leaf_count} leaves, 1 % annotated\n")
    problem = make_problem(leaf_count, size, 0.01, device)
    body = BasicUNet(3, 1, 16, features=(16, 16, 32, 64, 128, 16)).to(device)
    head = torch.nn.Conv3d(16, leaf_count, 1).to(device)
    image = torch.randn(1, 1, size, size, size, device=device)
    positions = problem.positions.flatten()[problem.annotated]
    sparse_leaves = problem.sparse_leaves
    losses = {name: build_loss(name, problem.tree).to(device) for name in (WASSERSTEIN, TREE_LOSS)}

    def annotated_step(name: str) -> Callable[[], None]:
        def step() -> None:
            features = body(image).flatten(2)[0].index_select(1, problem.annotated).t()
            losses[name](torch.nn.functional.linear(features, head.weight.flatten(1), head.bias), positions).backward()

        return step

    calls = {
        "network alone": lambda: body(image).mean().backward(),
        "W at annotated voxels": annotated_step(WASSERSTEIN),
        "tree at annotated voxels": annotated_step(TREE_LOSS),
        "CE, dense": lambda: cross_entropy(head(body(image)), sparse_leaves, ignore_index=-100).backward(),
    }
    costs = compare(calls, device, 3 if quick else 9)
    floor = costs["network alone"].seconds
    lines = []
    for name, cost in costs.items():
        aim = 3.0 if "annotated" in name else None
        lines.append([name, f"{cost.seconds * 1e3:.0f}", f"{ratio((cost.seconds / floor - 1) * 100, aim)} %", _mebibytes(cost)])
    print_table(["step", "ms", "over the network", "MiB"], lines)
    return [{"seconds": {name: cost.seconds for name, cost in costs.items()}}]


def hausdorff(device: torch.device, quick: bool) -> list[Figures]:
    """Distance fields against MONAI's; target fields are cached, as in training on the same boxes."""
    print("\n## Hausdorff loss by distance fields\n")
    sizes = [(2, 32)] if quick else [(2, 64), (4, 64), (2, 96), (4, 96)]
    found = [_hausdorff_case(make_problem(leaf_count, size, 1.0, device), quick) for leaf_count, size in sizes]
    lines = []
    for figures in found:
        seconds, logits = figures["seconds"], figures["logits"]
        lines.append(
            [
                f"{figures['leaves']}, {figures['size']}³",
                f"{seconds['MONAI'] * 1e3:.0f}",
                ratio(seconds["MONAI"] / seconds["ours"], 7, at_most=False),
                ratio(seconds["MONAI"] / seconds["new target"]),
                ratio(logits["ours"] / logits["MONAI"], 0.45) if logits["MONAI"] else "–",
                ratio(figures["difference"], 1e-6),
            ]
        )
    header = [
        "leaves, size",
        "MONAI ms",
        "MONAI / ours",
        "MONAI / ours, new target",
        "memory ours / MONAI",
        "gradient difference",
    ]
    print_table(header, lines)
    return found


def _hausdorff_case(problem: Problem, quick: bool) -> Figures:
    """Costs for one volume, and how far the gradients are apart."""
    from monai.losses import HausdorffDTLoss

    ours = build_loss("hausdorff", problem.tree).to(problem.logits.device)
    theirs = HausdorffDTLoss(include_background=True, to_onehot_y=True, softmax=True)

    def new_target() -> torch.Tensor:
        fresh = build_loss("hausdorff", problem.tree).to(problem.logits.device)
        return backward(problem.logits, lambda x: fresh(x, problem.positions))

    calls = {
        "MONAI": lambda: backward(problem.logits, lambda x: theirs(x, problem.leaves.unsqueeze(1))),
        "ours": lambda: backward(problem.logits, lambda x: ours(x, problem.positions)),
        "new target": new_target,
    }
    reference, gradient = calls["MONAI"](), calls["ours"]()
    difference = float((gradient - reference).norm() / reference.norm())
    costs = compare(calls, problem.logits.device, 2 if quick else 5)
    return _figures(costs, problem.logits, leaves=problem.logits.shape[1], size=problem.logits.shape[2], difference=difference)


def regions(device: torch.device, quick: bool) -> list[Figures]:
    """Adaptive region loss against cross-entropy and the usual implementation."""
    print("\n## Adaptive region-specific loss, boxes of 8 voxels\n")
    sizes = [(32, 32)] if quick else [(32, 64), (108, 64), (32, 96)]
    found = [_region_case(make_problem(leaf_count, size, 1.0, device), quick) for leaf_count, size in sizes]
    lines = []
    for figures in found:
        seconds, logits = figures["seconds"], figures["logits"]
        memory = [ratio(logits[name]) if logits[name] is not None else "–" for name in ("ours", "naive")]
        times = [ratio(seconds["ours"] / seconds["CE"], 2), ratio(seconds["naive"] / seconds["CE"])]
        lines.append([f"{figures['leaves']}, {figures['size']}³", f"{seconds['CE'] * 1e3:.0f}", *times, *memory])
    print_table(["leaves, size", "CE ms", "ours / CE", "naive / CE", "ours, logits", "naive, logits"], lines)
    return found


def _region_case(problem: Problem, quick: bool) -> Figures:
    """Costs for one volume."""
    ours = build_loss("region-tversky(size=8)", problem.tree).to(problem.logits.device)
    calls = {
        "CE": lambda: backward(problem.logits, lambda x: cross_entropy(x, problem.leaves)),
        "ours": lambda: backward(problem.logits, lambda x: ours(x, problem.positions)),
        "naive": lambda: backward(problem.logits, lambda x: naive_region_tversky(x, problem.leaves, 8)),
    }
    costs = compare(calls, problem.logits.device, 2 if quick else 5)
    return _figures(costs, problem.logits, leaves=problem.logits.shape[1], size=problem.logits.shape[2])


def growth(device: torch.device, quick: bool) -> list[Figures]:
    """Cost of 1 600 rows by number of leaves."""
    print("\n## Growth with the number of leaves, 1 600 rows\n")
    counts = (10, 100, 1000) if quick else (10, 32, 100, 316, 1000)
    found = [_growth_case(leaf_count, device, quick) for leaf_count in counts]
    lines = []
    for figures in found:
        seconds = figures["seconds"]
        over = [ratio(seconds[name] / seconds["CE"]) for name in (WASSERSTEIN, TREE_LOSS)]
        each = [f"{seconds[name] / figures['leaves'] * 1e6:.1f}" for name in (WASSERSTEIN, TREE_LOSS)]
        lines.append([str(figures["leaves"]), f"{seconds['CE'] * 1e3:.2f}", *over, *each])
    print_table(["leaves", "CE ms", "W / CE", "tree / CE", "W µs a leaf", "tree µs a leaf"], lines)
    return found


def _growth_case(leaf_count: int, device: torch.device, quick: bool) -> Figures:
    """Costs for one number of leaves."""
    tree = random_tree(leaf_count)
    generator = torch.Generator().manual_seed(0)
    rows = (torch.randn(1600, leaf_count, generator=generator) * 3).to(device)
    leaves = torch.randint(leaf_count, (1600,), generator=generator)
    positions = torch.tensor([tree.position(leaf.id) for leaf in tree.leaves])[leaves].to(device)
    leaves = leaves.to(device)
    wasserstein, tree_loss = (build_loss(name, tree).to(device) for name in (WASSERSTEIN, TREE_LOSS))
    calls = {
        "CE": lambda: backward(rows, lambda x: cross_entropy(x, leaves)),
        WASSERSTEIN: lambda: backward(rows, lambda x: wasserstein(x, positions)),
        TREE_LOSS: lambda: backward(rows, lambda x: tree_loss(x, positions)),
    }
    costs = compare(calls, device, 3 if quick else 9, 0.02)
    return _figures(costs, rows, leaves=leaf_count)


def exactness(device: torch.device, quick: bool) -> list[Figures]:
    """Gradients in float32 against float64, at ordinary logits and where a voxel is confidently wrong."""
    print("\n## Exactness: largest gradient error over largest gradient, against float64 on the CPU\n")
    found, lines = [], []
    tree = random_tree(32 if quick else 108)
    generator = torch.Generator().manual_seed(0)
    positions = torch.randint(1, len(tree), (2000,), generator=generator)
    for gap in (0, 50, 100, 200):
        logits = torch.randn(2000, len(tree.leaves), generator=generator, dtype=torch.float64)
        logits[:, 0] += gap
        logits = logits.float()
        for name in (WASSERSTEIN, TREE_LOSS, "focal"):
            exact = backward(logits.double(), lambda x, name=name: build_loss(name, tree, torch.float64)(x, positions))
            loss = build_loss(name, tree).to(device)
            gradient = backward(logits.to(device), lambda x, loss=loss: loss(x, positions.to(device))).cpu().double()
            error = float((gradient - exact).abs().max() / exact.abs().max())
            found.append({"loss": name, "gap": gap, "error": error})
            aim = 5e-6 if name in (WASSERSTEIN, TREE_LOSS) else None
            lines.append([name, str(gap), ratio(error, aim), "yes" if bool(gradient.isfinite().all()) else "no"])
    print_table(["loss", "logit gap", "error", "finite"], lines)
    return found


def _monai_wasserstein_dice(problem: Problem) -> Callable[[], torch.Tensor]:
    """MONAI's generalised Wasserstein Dice with the tree's distances."""
    from monai.losses import GeneralizedWassersteinDiceLoss

    loss = GeneralizedWassersteinDiceLoss(leaf_distances(problem.tree).astype(np.float32))
    return lambda: backward(problem.logits, lambda x: loss(x, problem.leaves.unsqueeze(1)))


def _figures(costs: dict[str, Cost], logits: torch.Tensor, **case: object) -> Figures:
    """Seconds, and memory in units of the logits tensor, with the case they belong to."""
    unit = logits.numel() * logits.element_size()
    memory = {name: None if cost.memory_bytes is None else cost.memory_bytes / unit for name, cost in costs.items()}
    return {**case, "seconds": {name: cost.seconds for name, cost in costs.items()}, "logits": memory}


def _mebibytes(cost: Cost) -> str:
    return "–" if cost.memory_bytes is None else f"{cost.memory_bytes / 2**20:.0f}"


SECTIONS: dict[str, Callable[[torch.device, bool], list[Figures]]] = {
    "scribbles": scribbles,
    "volume": volume,
    "step": training_step,
    "hausdorff": hausdorff,
    "regions": regions,
    "growth": growth,
    "exactness": exactness,
}

if __name__ == "__main__":
    main()
