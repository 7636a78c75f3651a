"""TorchScript: applied, never fine-tuned or saved."""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from semseg_core.data.volume import Volume
from semseg_core.errors import ModelError
from semseg_core.models.foreign.reading import read_model_to_apply, read_start_model

from .test_bundle import own_answer, windowed


def test_a_bundle_of_torch_script_alone_is_applied_alone(make_bundle: Callable, volume: Volume, answers: Callable) -> None:
    folder, network = make_bundle(script=True)
    model = read_model_to_apply(folder)
    assert (answers(model, volume) == own_answer(network, windowed(volume))).mean() > 0.999
    with pytest.raises(ModelError, match="TorchScript can be applied .semseg predict. but not fine-tuned"):
        read_start_model(folder)


def test_a_file_with_a_description_beside_it(make_bundle: Callable, volume: Volume, answers: Callable, tmp_path: Path) -> None:
    folder, network = make_bundle(script=True)
    metadata, config = (json.loads((folder / "configs" / name).read_text()) for name in ("metadata.json", "inference.json"))
    script = tmp_path / "organs.ts"
    shutil.copy(folder / "models" / "model.ts", script)
    with pytest.raises(ModelError, match="nothing says its labels, spacing and intensities; write them to organs.json"):
        read_model_to_apply(script)
    described = {name: config[name] for name in ("image_key", "pixdim", "preprocessing", "inferer")}
    (tmp_path / "organs.json").write_text(json.dumps({**described, "network_data_format": metadata["network_data_format"]}))
    assert (answers(read_model_to_apply(script), volume) == own_answer(network, windowed(volume))).mean() > 0.999
    with pytest.raises(ModelError, match="but not fine-tuned"):
        read_start_model(script)


def test_a_file_that_monai_wrote_with_its_configuration(make_bundle, volume: Volume, answers: Callable, tmp_path: Path) -> None:
    from monai.data import save_net_with_metadata

    folder, network = make_bundle()
    metadata, config = (json.loads((folder / "configs" / name).read_text()) for name in ("metadata.json", "inference.json"))
    path = tmp_path / "exported.ts"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript is deprecated; files of it will be about for years
        traced = torch.jit.trace(network, torch.randn(1, 1, 20, 24, 16))
        more = {"inference.json": json.dumps(config).encode()}
        save_net_with_metadata(traced, str(path), meta_values=metadata, more_extra_files=more)
    assert (answers(read_model_to_apply(path), volume) == own_answer(network, windowed(volume))).mean() > 0.999


def test_a_damaged_file_and_one_of_weights_are_refused(make_bundle: Callable, tmp_path: Path) -> None:
    (tmp_path / "broken.ts").write_bytes(b"no archive at all")
    with pytest.raises(ModelError, match="is damaged or no TorchScript"):
        read_model_to_apply(tmp_path / "broken.ts")
    folder, _ = make_bundle()
    with pytest.raises(ModelError, match="is a file; name its folder"):
        read_model_to_apply(folder / "models" / "model.pt")
