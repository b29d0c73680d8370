# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""The velocity network's parts by hand: what time looks like to it, and how condition and time steer a block."""

from __future__ import annotations

import math

import pytest
import torch

from score.policies.settings import FlowNetworkCfg
from score.policies.velocity_network import ResidualBlock, VelocityNetwork


@pytest.mark.parametrize("decoding", [True, False])
def test_the_network_sees_time_as_a_quarter_turn_to_eight_turns(decoding: bool) -> None:
    network = VelocityNetwork(2, 1, 3, FlowNetworkCfg(width=8, depth=1, time_frequencies=6))
    seen: list[torch.Tensor] = []
    network.time_mlp.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    point, condition = torch.zeros(1, 2, 1), torch.zeros(1, 3)
    if decoding:
        network.velocity(point, 0.5, network.prepare(condition))
    else:
        network(point, torch.tensor([0.5]), condition)
    # Half of 1/4, 1/2, 1, 2, 4 and 8 turns: 45, 90, 180, 360, 720 and 1440 degrees; sines first, then cosines.
    half = math.sqrt(0.5)
    expected = [half, 1.0, 0.0, 0.0, 0.0, 0.0, half, 0.0, -1.0, 1.0, 1.0, 1.0]
    assert seen[0][0].tolist() == pytest.approx(expected, abs=1e-5)


def test_a_block_that_is_not_steered_passes_its_normalised_input() -> None:
    block = ResidualBlock(2, 2)
    for layer in (block.widen, block.narrow):
        torch.nn.init.eye_(layer.weight)
        torch.nn.init.zeros_(layer.bias)
    stream, zero = torch.tensor([[1.0, 3.0]]), torch.zeros(1, 2)
    # Normalised: (-1, 1). silu(-1) = -.26894, silu(1) = .73106. Scale 0 is a factor of 1.
    assert block(stream, zero, zero)[0].tolist() == pytest.approx([0.73106, 3.73106], abs=1e-4)
    # Scale 1, shift .5: .5 + 2 (-1, 1) = (-1.5, 2.5); silu(-1.5) = -.27364, silu(2.5) = 2.31036.
    assert block(stream, zero + 1.0, zero + 0.5)[0].tolist() == pytest.approx([0.72636, 5.31036], abs=1e-4)
