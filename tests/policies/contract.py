# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""What every base policy must hold. The test class of the kinds inherits it and gives the fixture ``policy``."""

from __future__ import annotations

import copy
import io
from pathlib import Path

import pytest
import torch

from score.policies import BasePolicy
from score.policies.contract import contract_problems, random_inputs
from score.utils.torchscript import load_checked


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
class PolicyContract:
    def test_nothing_is_wrong(self, policy: BasePolicy) -> None:
        assert contract_problems(policy) == []

    def test_gradient_is_that_of_differences(self, policy: BasePolicy) -> None:
        windows, latent = random_inputs(policy, 2, seed=6)
        exact = copy.deepcopy(policy).double()
        condition = exact.encode({name: window.double() for name, window in windows.items()})
        latent = latent.double().requires_grad_(True)
        assert torch.autograd.gradcheck(lambda z: exact.decode(condition, z)[:, ::4, ::3], (latent,), atol=1e-5)

    def test_a_copy_in_torchscript_survives_the_disk(self, policy: BasePolicy, tmp_path: Path) -> None:
        torch.jit.script(policy).save(str(tmp_path / "policy.pt"))
        scripted = torch.jit.load(tmp_path / "policy.pt")
        windows, latent = random_inputs(policy, 4, seed=7)
        actions = policy.decode(policy.encode(windows), latent)
        assert actions.shape == (4, policy.spec.horizon, len(policy.spec.actions.names))
        torch.testing.assert_close(scripted.decode(scripted.encode(windows), latent), actions)

    def test_as_torchscript_it_has_only_what_a_capsule_may(self, policy: BasePolicy) -> None:
        buffer = io.BytesIO()
        torch.jit.save(torch.jit.script(policy), buffer)
        load_checked(buffer.getvalue(), "policy.pt", ("encode", "decode", "extents"), stateful=True)

    @pytest.mark.parametrize("size", [0, 1, 3, 7, 8])
    def test_batches_of_rows_give_the_same_actions(
        self, policy: BasePolicy, size: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        windows, latent = random_inputs(policy, 7, seed=8)
        condition = policy.encode(windows)
        monkeypatch.setattr(policy, "decode_batch", size)
        for subject in (policy, torch.jit.script(policy)):
            torch.testing.assert_close(subject.decode_all(condition, latent), policy.decode(condition, latent))

    def test_parameters_are_frozen_and_a_hash_has_something_to_hash(self, policy: BasePolicy) -> None:
        assert not any(parameter.requires_grad for parameter in policy.parameters())
        assert policy.state_dict()
