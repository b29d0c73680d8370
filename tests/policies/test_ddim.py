# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""DDIM against diffusers' own scheduler (recorded in fixtures/ddim.safetensors) and by hand, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from torch import Tensor

from score.policies.ddim import Ddim, DdimCfg, make_schedule, signal_shares
from score.utils.errors import UserError

FIXTURE = Path(__file__).parent / "fixtures" / "ddim.safetensors"
with safe_open(FIXTURE, "pt") as file:
    CASES = json.loads(file.metadata()["cases"])
    TENSORS = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)


class Recorded(torch.nn.Module):
    """The network of the fixture."""

    def __init__(self, levels: int) -> None:
        super().__init__()
        self.levels = levels

    def prepare(self, condition: Tensor) -> Tensor:
        return condition

    def denoise(self, point: Tensor, level: float, prepared: Tensor) -> Tensor:
        return (1.5 * torch.tanh(2.0 * point.flatten(1) @ prepared) + 0.01 * level / self.levels).view_as(point)


@pytest.mark.parametrize("index", range(len(CASES)))
def test_the_same_settings_give_what_diffusers_gives(index: int) -> None:
    cfg, expected = DdimCfg(**CASES[index]), TENSORS[f"chunk.{index}"]
    assert make_schedule(cfg).levels == TENSORS[f"levels.{index}"].tolist()
    ddim = Ddim(Recorded(cfg.num_train_timesteps), cfg)
    actual = ddim(TENSORS["weight"], TENSORS["latent"])
    assert (actual - expected).abs().max() <= 1e-6 * max(1.0, float(expected.abs().max()))


def test_the_fixture_has_every_spacing_prediction_and_clipping_and_they_differ() -> None:
    grid = {(case["timestep_spacing"], case["prediction_type"], case["clip_sample"]) for case in CASES[:18]}
    assert len(grid) == 18
    chunks = [TENSORS[f"chunk.{index}"] for index in range(18)]
    assert min((a - b).abs().max() for i, a in enumerate(chunks) for b in chunks[:i]) > 0.001


class Constant(torch.nn.Module):
    """Says the same of every chunk."""

    def prepare(self, condition: Tensor) -> Tensor:
        return condition

    def denoise(self, point: Tensor, level: float, prepared: Tensor) -> Tensor:
        return torch.full_like(point, 0.5)

    def forward(self, point: Tensor, level: Tensor, condition: Tensor) -> Tensor:
        return torch.zeros_like(point)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        # Two levels of variance .36 each: alpha-bar .64 and .4096. From level 1 (signal .64, noise .76837) to the last:
        # clean = (1 - .76837 * .5) / .64 = .96221, then to level 0 (signal .8, noise .6):
        # .8 * .96221 + .6 * .5 = 1.06977; clean = (1.06977 - .6 * .5) / .8 = .96221.
        ({}, 0.96221),
        # Clipped at .9: .8 * .9 + .6 * .5 = 1.02; (1.02 - .3) / .8 = .9.
        ({"clip_sample": True, "clip_sample_range": 0.9}, 0.9),
        # The network says the clean chunk itself.
        ({"prediction_type": "sample"}, 0.5),
        # v: clean = .64 * 1 - .76837 * .5 = .25582, noise = .64 * .5 + .76837 * 1 = 1.08837;
        # .8 * .25582 + .6 * 1.08837 = .85767; clean = .8 * .85767 - .6 * .5 = .38614.
        ({"prediction_type": "v_prediction"}, 0.38614),
        # Ends at level 0's noise: .8 * .96221 + .6 * .5, the same once more.
        ({"set_alpha_to_one": False}, 1.06977),
    ],
)
def test_two_steps_by_hand(changes: dict, expected: float) -> None:
    settings = {"num_train_timesteps": 2, "num_inference_steps": 2, "beta_schedule": "linear", "clip_sample": False}
    cfg = DdimCfg(**{**settings, "beta_start": 0.36, "beta_end": 0.36, **changes})
    assert signal_shares(cfg).tolist() == pytest.approx([0.64, 0.4096])
    assert Ddim(Constant(), cfg)(torch.zeros(1, 1), torch.ones(1, 1, 1)).item() == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(
    ("prediction", "expected"),
    # Level 0 of the above: signal .8, noise .6. The network says 0, so the error is the square of the target:
    # the noise 2, the clean chunk 3, and v = .8 * 2 - .6 * 3 = -.2.
    [("epsilon", 4.0), ("sample", 9.0), ("v_prediction", 0.04)],
)
def test_what_the_network_learns_by_hand(prediction: str, expected: float) -> None:
    cfg = DdimCfg(2, "linear", 0.36, 0.36, 2, prediction_type=prediction)
    clean, noise = torch.full((1, 1, 1), 3.0), torch.full((1, 1, 1), 2.0)
    error = Ddim(Constant(), cfg).squared_error(clean, noise, torch.tensor([0]), torch.zeros(1, 1))
    assert error.tolist() == pytest.approx([expected], rel=1e-5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"eta": 1.0}, r"sampler.eta 1.0 draws fresh noise at every step, .* Use DDIM with eta 0"),
        ({"thresholding": True}, r"sampler.thresholding is on, and this sampler does not know it"),
        ({"rescale_betas_zero_snr": True}, r"sampler.rescale_betas_zero_snr is on"),
        ({"timestep_spacing": "leadin"}, r"sampler.timestep_spacing 'leadin' is unknown. Did you mean 'leading'"),
        ({"prediction_type": "eps"}, r"sampler.prediction_type 'eps' is unknown"),
        ({"beta_schedule": "cosine"}, r"sampler.beta_schedule 'cosine' is unknown. Known are 'squaredcos_cap_v2'"),
        ({"num_inference_steps": 101}, r"sampler.num_inference_steps holds 101: .* at most 100"),
        ({"num_train_timesteps": 10**9}, r"sampler.num_train_timesteps holds 1000000000"),
        ({"num_inference_steps": 100, "steps_offset": 1}, r"needs the noise level 100, and num_train_timesteps is 100"),
        ({"clip_sample": "yes"}, r"sampler.clip_sample is 'yes': give true or false"),
        ({"clip_sample_range": 0.0}, r"sampler.clip_sample_range is 0.0: give a positive number"),
        ({"beta_start": 0.5}, r"give two rising numbers between 0 and 1"),
        ({"eta": float("nan")}, r"sampler.eta holds nan"),
    ],
)
def test_settings_that_are_refused(changes: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        DdimCfg(**changes)
