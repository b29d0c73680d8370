# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""LeRobot checkpoints against what LeRobot 0.6.1 itself answered to fixed noise (fixtures/lerobot_*/reference)."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from score.policies.contract import contract_problems
from score.policies.foreign import min_max
from score.policies.foreign_unet import unet_tensors
from score.policies.lerobot import is_lerobot, read_lerobot
from score.utils.errors import UserError

FIXTURES = Path(__file__).parent / "fixtures"
STATE, PLACE = "observation.state", "observation.environment_state"


@pytest.mark.parametrize("name", ["ddim", "plain"])
def test_actions_are_those_of_lerobot(name: str) -> None:
    """``plain``: no FiLM scale, kernel 5, three stages, predicts the sample, linear betas, mean and deviation."""
    folder = FIXTURES / f"lerobot_{name}"
    foreign, recorded = read_lerobot(folder), load_file(folder / "reference.safetensors")
    policy, expected = foreign.policy, recorded["actions"]
    windows = {STATE: recorded["state"], PLACE: recorded["environment_state"]}
    condition = policy.encode(windows)
    torch.testing.assert_close(condition, recorded["condition"], atol=1e-6, rtol=1e-6)
    prediction = policy.sampler.denoiser(recorded["noise"], recorded["level"].float(), recorded["condition"])
    torch.testing.assert_close(prediction, recorded["unet"], atol=1e-6, rtol=1e-6)
    # LeRobot returns the rows that it executes. One action has a range of 150: 1e-6 of ranges, which are two scales.
    actions = policy.decode(condition, recorded["noise"])[:, : expected.shape[1]]
    assert ((actions - expected).abs() / foreign.actions.scale).max() < 2e-6
    for row in range(10):
        alone = policy.decode(condition[row : row + 1], recorded["noise"][row : row + 1])
        error = (alone[:, : expected.shape[1]] - actions[row]).abs() / foreign.actions.scale
        assert error.max() < 2e-6
    frames, rows = recorded["state"].shape[1], recorded["noise"].shape[1]
    assert (policy.chunk.rows, policy.chunk.first, policy.chunk.executed) == (rows, frames - 1, expected.shape[1])
    assert policy.latent_shape == (rows, 3)


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_it_keeps_the_contract() -> None:
    assert contract_problems(read_lerobot(FIXTURES / "lerobot_plain").policy) == []


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return shutil.copytree(FIXTURES / "lerobot_ddim", tmp_path / "pretrained_model")


def _edit(path: Path, change: Callable[[Any], object]) -> None:
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))


def test_the_ways_of_ddpm_are_refused_and_named(folder: Path) -> None:
    _edit(folder / "config.json", lambda c: c.update(noise_scheduler_type="DDPM"))
    with pytest.raises(UserError, match=r"'DDPM' draws fresh noise .* write 'inference_steps: 16' into interface.yaml"):
        read_lerobot(folder)
    assert read_lerobot(folder, inference_steps=4).policy.sampler_cfg.num_inference_steps == 4
    # Without a number LeRobot goes through all levels of the training.
    _edit(folder / "config.json", lambda c: c.update(noise_scheduler_type="DDIM", num_inference_steps=None))
    assert read_lerobot(folder).policy.sampler_cfg.num_inference_steps == 100


CAMERA = {"observation.images.front": {"type": "VISUAL", "shape": [3, 96, 96]}}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.update(type="act"), r"policies of type 'act' are not read here, only 'diffusion'"),
        (lambda c: c.update(new_trick=True), r"unknown setting 'new_trick', which may change what the network"),
        (lambda c: c.pop("horizon"), r"config.json lacks 'horizon'"),
        (lambda c: c["input_features"].update(CAMERA), r"reads the camera 'observation.images.front', and cameras"),
        (
            lambda c: c["input_features"].update({"observation.force": {"type": "STATE", "shape": [3]}}),
            r"input_features has 'observation.force' of shape \[3\]; known are vectors observation.state",
        ),
        (lambda c: c["input_features"][STATE].update(shape=[4]), r"lacks 'observation.state.min' with 4 numbers"),
        (lambda c: c["output_features"].clear(), r"output_features is empty"),
        (lambda c: c.update(horizon=9), r"The chunk has 9 rows, and a U-Net .* needs a multiple of 2"),
        (lambda c: c.update(horizon=10**9), r"horizon holds 1000000000"),
        (lambda c: c.update(n_obs_steps=0), r"n_obs_steps holds 0"),
        (lambda c: c.update(n_action_steps=8), r"n_action_steps holds 8: .* at most 7"),
        (lambda c: c.update(down_dims=[8, 32]), r"does not hold the tensors that|describes a network of"),
        (lambda c: c.update(down_dims=[8192, 16384]), r"describes a network of \d+ parameters, and its weights have"),
        (lambda c: c.update(down_dims=7), r"config.json: "),
        (lambda c: c.update(kernel_size=4), r"config.json: network.kernel_size is 4"),
        (lambda c: c.update(prediction_type="v"), r"config.json: sampler.prediction_type 'v' is unknown"),
        (lambda c: c.update(noise_scheduler_type="DPM"), r"noise_scheduler_type 'DPM' is unknown"),
    ],
)
def test_configurations_that_are_not_known(folder: Path, change: Callable[[Any], object], message: str) -> None:
    _edit(folder / "config.json", change)
    with pytest.raises(UserError, match=message) as caught:
        read_lerobot(folder)
    assert "\n" not in str(caught.value)


def _step(name: str, **config: object) -> Callable[[Any], object]:
    return lambda pipeline: pipeline["steps"].insert(0, {"registry_name": name, "config": config})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_step("relative_actions_processor"), r"has the step 'relative_actions_processor', which is not known here"),
        (_step("rename_observations_processor", rename_map={"a": "b"}), r"'rename_observations_processor' renames"),
        (_step("device_processor", float_dtype="bfloat16"), r"turns numbers into 'bfloat16': only float32"),
        (lambda p: p["steps"].pop(), r"normalises 0 times, and once is known"),
        (lambda p: p["steps"].append(p["steps"][-1]), r"normalises 2 times"),
        (lambda p: p["steps"][-1].update(state_file="../../secret.safetensors"), r"names no file of statistics beside"),
        (lambda p: p["steps"][-1].pop("config"), r"the normaliser lacks its 'norm_map'"),
        (lambda p: p["steps"][-1]["config"]["norm_map"].update(STATE="LOG"), r"norm_map.STATE 'LOG' is unknown"),
        (lambda p: p["steps"][-1]["config"]["norm_map"].update(ENV="QUANTILES"), r"lacks '.*environment_state.q01'"),
        (lambda p: p.update(steps={}), r"lists no steps"),
    ],
)
def test_processors_that_are_not_known(folder: Path, change: Callable[[Any], object], message: str) -> None:
    _edit(folder / "policy_preprocessor.json", change)
    with pytest.raises(UserError, match=message):
        read_lerobot(folder)


def test_files_that_are_missing_damaged_or_pickled(folder: Path) -> None:
    weights = folder / "model.safetensors"
    tensors = load_file(weights)
    save_file({name: tensor for name, tensor in tensors.items() if "final_conv.1.bias" not in name}, weights)
    with pytest.raises(UserError, match=r"misses 'leave.bias' \(1 in all\)"):
        read_lerobot(folder)
    save_file({**tensors, "diffusion.unet.final_conv.1.bias": torch.full((3,), torch.nan)}, weights)
    with pytest.raises(UserError, match=r"'leave.bias' is not finite"):
        read_lerobot(folder)
    name = "diffusion.unet.final_conv.1.weight"  # one flipped bit of the exponent: finite, and what follows is not
    save_file({**tensors, name: tensors[name].clone().fill_(3e38)}, weights)
    with pytest.raises(UserError, match=r"it has weights over 1e\+08: copy it again"):
        read_lerobot(folder)
    torch.save(tensors, weights)
    with pytest.raises(UserError, match=r"model.safetensors is a file of torch.save; a file is needed that"):
        read_lerobot(folder)
    (folder / "config.json").write_text("{")
    with pytest.raises(UserError, match=r"config.json is not JSON"):
        read_lerobot(folder)
    (folder / "policy_preprocessor.json").unlink()
    shutil.copy(FIXTURES / "lerobot_ddim" / "config.json", folder)
    with pytest.raises(UserError, match=r"policy_preprocessor.json is missing: give the folder 'pretrained_model'"):
        read_lerobot(folder)
    assert is_lerobot(folder)


def test_a_column_without_range_by_hand() -> None:
    # An input that always was 3 was always -1 to the network; an action that always was 3 comes out as 3.
    low, high = torch.tensor([0.0, 3.0]), torch.tensor([2.0, 3.0])
    column = min_max(low, high, output=False)
    assert ((torch.tensor([0.5, 3.0]) - column.offset) / column.scale).tolist() == [-0.5, -1.0]
    assert column.still == {1: 3.0}
    column = min_max(low, high, output=True)
    assert (torch.tensor([1.0, 1.0]) * column.scale + column.offset).tolist() == pytest.approx([2.0, 3.0])


def test_names_of_the_u_nets_of_other_homes() -> None:
    """diffusion_policy and robomimic name the blocks and what changes the rows in another way."""
    theirs = {
        "down_modules.0.0.blocks.0.block.0.weight": "down.0.first.first.conv.weight",
        "down_modules.0.1.blocks.1.block.1.bias": "down.0.second.second.norm.bias",
        "down_modules.0.2.conv.weight": "down.0.resample.weight",
        "up_modules.1.2.conv.bias": "up.1.resample.bias",
        "up_modules.1.0.residual_conv.weight": "up.1.first.around.weight",
        "mid_modules.1.cond_encoder.1.weight": "middle.1.film.weight",
        "diffusion_step_encoder.3.bias": "level.mlp.2.bias",
        "final_conv.0.block.1.weight": "head.norm.weight",
        "final_conv.1.weight": "leave.weight",
    }
    found = unet_tensors({f"model.{name}": torch.zeros(1) for name in theirs} | {"other": torch.ones(1)}, "model.", "x")
    assert sorted(found) == sorted(theirs.values())
    with pytest.raises(UserError, match=r"of a U-Net with a condition for each row, which is not known"):
        unet_tensors({"model.local_cond_encoder.0.weight": torch.zeros(1)}, "model.", "x")
    with pytest.raises(UserError, match=r"has no tensor that begins with 'model.'"):
        unet_tensors({}, "model.", "x")
