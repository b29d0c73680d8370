# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""The steering policy that nobody trained."""

from __future__ import annotations

import torch

from score.rollout.arms import Decision, random_map_arm


def decision(condition: torch.Tensor) -> Decision:
    count = len(condition)
    nothing = torch.zeros(count, dtype=torch.long)
    return Decision(condition, torch.randn(count, 8, 7), nothing, nothing)


def test_latents_have_unit_variance_and_depend_on_the_state_alone() -> None:
    condition = torch.randn(2000, 30, generator=torch.Generator().manual_seed(0))
    arm = random_map_arm(lambda seen: 100.0 * seen, seed=5)
    latent, chunk = arm.act(decision(condition))
    assert chunk is None
    assert latent.shape == (2000, 8, 7)
    # 64 hidden units: the variance over states of one number of the latent is itself random, by a fifth or so.
    assert 0.8 < latent.var(dim=0).mean().item() < 1.2
    assert latent.var(dim=0).min().item() > 0.3
    # Whatever the noise, and whatever is beside it.
    again = arm.act(decision(condition[:9]))[0]
    torch.testing.assert_close(again, latent[:9])
    assert not torch.allclose(random_map_arm(lambda seen: seen, seed=6).act(decision(condition[:9]))[0], again)
