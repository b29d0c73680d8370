# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""From a trained policy to a capsule, with the project's own base policy, steering policy and evaluation loop."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from rsl_rl.models import MLPModel
from tensordict import TensorDict
from tests.deployment.reach_task import ReachTask, reach_spec

from score.deployment import build_policy, head_from_policy, read_golden, verify_capsule
from score.deployment.record import ExportCfg, export_policy, steering_arm, with_limits
from score.policies import FlowMatchingPolicy, FlowNetworkCfg, IntegratorCfg
from score.policies.flow_matching import statistic_shapes
from score.policies.normalisation import Statistic
from score.rollout.arms import Decision
from score.steering.distribution import BoundedGaussianDistribution
from score.steering.latent import LatentBasis
from score.steering.policy import SteeringPolicy
from score.utils import UserError

SCRIPTS = Path(__file__).parents[2] / "scripts"


def randomise(module: torch.nn.Module, scale: float) -> None:
    """Gives weights that start at zero (heads, residual branches) a value, or nothing would depend on them."""
    for parameter in module.parameters():
        if parameter.dim() > 1 and not bool(parameter.any()):
            torch.nn.init.normal_(parameter, std=scale)


def make_base() -> FlowMatchingPolicy:
    torch.manual_seed(3)
    spec, network = reach_spec(), FlowNetworkCfg((8,), (8,), 6, width=16, depth=2, time_frequencies=4)
    statistics = {
        name: Statistic(0.1 * torch.randn(shape), 0.2 * torch.rand(shape) + 0.05)
        for name, shape in statistic_shapes(spec, network).items()
    }
    base = FlowMatchingPolicy(spec, network, IntegratorCfg(), statistics)
    randomise(base, 0.3)
    return base.eval().requires_grad_(False)


def make_steering(base: FlowMatchingPolicy, basis: str, std: float = 0.4) -> SteeringPolicy:
    latents = LatentBasis(basis, *base.latent_shape, knots=2)
    observations = TensorDict({"policy": torch.zeros(1, base.condition_dim)}, batch_size=[1])
    distribution = {"class_name": BoundedGaussianDistribution, "init_std": std}
    actor = MLPModel(observations, {"actor": ["policy"]}, "actor", latents.code_dim, (16,), "elu", True, distribution)
    randomise(actor.mlp, 1.0)
    actor.train()
    for _ in range(3):  # statistics of an observation normaliser that has seen something
        seen = TensorDict({"policy": 2.0 + 3.0 * torch.randn(64, base.condition_dim)}, batch_size=[64])
        actor.update_normalization(seen)
    return SteeringPolicy(actor.eval().requires_grad_(False), latents, chunk_steps=3)


@pytest.mark.parametrize(("basis", "sampled"), [("full", False), ("dct", False), ("repeat", True), ("full", True)])
def test_capsule_acts_as_the_simulators_rollout(basis: str, sampled: bool, tmp_path: Path) -> None:
    base, task = make_base(), ReachTask()
    steering = make_steering(base, basis)
    cfg = ExportCfg(task="Reach", output=tmp_path / "capsule", sampled=sampled, seed=5)
    export_policy(task, base, steering, cfg)
    golden = read_golden(tmp_path / "capsule" / "golden.safetensors")
    assert len(golden) == 10  # 11 control steps, the one that ends the episode left out
    assert golden.decisions.tolist() == [step % 3 == 0 for step in range(10)]

    # the clamp has to be at work and at rest, and the latent has to matter, or parity shows little
    offset = (golden.actions - golden.observations["joint_pos"]).abs()
    assert bool((offset > 0.1999).any())
    assert bool((offset < 0.19).any())

    policy = torch.jit.load(tmp_path / "capsule" / "policy.pt")
    answers = [policy({name: value[t] for name, value in golden.observations.items()}) for t in range(10)]
    torch.testing.assert_close(torch.stack(answers), golden.actions, atol=1e-6, rtol=0.0)

    still = make_steering(base, basis)
    still.actor.mlp[-1].weight.zero_()
    still.actor.mlp[-1].bias.zero_()
    spec = with_limits(base.spec, *task.command_limits[:2])
    unsteered = build_policy(
        base, head_from_policy(still, sampled=sampled, seed=6), spec, chunk_length=3, max_offset=0.2
    )
    others = [unsteered({name: value[t] for name, value in golden.observations.items()}) for t in range(10)]
    assert float((torch.stack(others) - golden.actions).abs().max()) > 1e-3


def test_capsule_of_an_export_passes_verification_and_names_its_origin(tmp_path: Path) -> None:
    base = make_base()
    cfg = ExportCfg(
        task="Reach",
        output=tmp_path / "capsule",
        recorded_in={"domain": "sim", "engine": "none"},
        base_policy={"sha256": "ab"},
        training_run={"run": "r", "iteration": 7},
    )
    report = verify_capsule(export_policy(ReachTask(), base, make_steering(base, "full"), cfg))
    assert report.failures == []
    manifest = json.loads((tmp_path / "capsule" / "manifest.json").read_text())
    assert manifest["golden"] == {
        "domain": "sim", "engine": "none", "seed": 0, "attempt": 0, "success": True, "steps": 10,
    }  # fmt: skip
    assert manifest["training_run"] == {"run": "r", "iteration": 7}
    # the limits are the task's (0.5, 0.4), not those the base policy declares (2, 2)
    assert manifest["output"]["high"] == pytest.approx([0.5, 0.4])
    assert manifest["output"]["max_offset"] == 0.2
    assert manifest["latent"]["basis"] == "full"
    assert manifest["latent"]["code_size"] == 8


def test_first_success_is_recorded_and_failures_are_named(tmp_path: Path) -> None:
    base = make_base()
    steering = make_steering(base, "full")
    said: list[str] = []
    cfg = ExportCfg(task="Reach", output=tmp_path / "a", attempts=4)
    export_policy(ReachTask(failures=3), base, steering, cfg, said.append)  # each failure resets itself once more
    golden = json.loads((tmp_path / "a" / "manifest.json").read_text())["golden"]
    assert golden["success"] is True
    assert golden["attempt"] > 0
    assert said == []

    cfg = ExportCfg(task="Reach", output=tmp_path / "b", attempts=2)
    export_policy(ReachTask(failures=99), base, steering, cfg, said.append)
    golden = json.loads((tmp_path / "b" / "manifest.json").read_text())["golden"]
    assert (golden["success"], golden["attempt"], golden["steps"]) == (False, 1, 13)  # 14 less the last
    assert said[0].startswith("No success in 2 episodes: the capsule carries a failed episode.")
    with pytest.raises(UserError, match="--attempts must be at least 1, got 0"):
        export_policy(ReachTask(), base, steering, ExportCfg(task="Reach", output=tmp_path / "c", attempts=0))


@pytest.mark.parametrize("basis", ["full", "repeat", "interp", "dct"])
@pytest.mark.parametrize("sampled", [False, True])
def test_head_equals_the_steering_policy(basis: str, sampled: bool) -> None:
    base = make_base()
    steering = make_steering(base, basis)
    head = head_from_policy(steering, sampled=sampled, seed=11)
    condition = 2.0 * torch.randn(5, base.condition_dim)
    for index in (0, 3):
        decision = Decision(condition, torch.zeros(5, *base.latent_shape), batch=0, index=index)
        expected = steering_arm(steering, head).latent(decision)
        torch.testing.assert_close(head(condition, index), expected, atol=2e-6, rtol=0.0)


def test_a_base_policy_of_another_task_is_refused(tmp_path: Path) -> None:
    base = make_base()
    task = ReachTask()
    task.spec = reach_spec()
    del task.spec.observations["point_cloud"]
    with pytest.raises(UserError, match="observation 'point_cloud' is missing in the task"):
        export_policy(task, base, make_steering(base, "full"), ExportCfg(task="Reach", output=tmp_path / "c"))
    assert list(tmp_path.iterdir()) == []


def test_verify_script(tmp_path: Path) -> None:
    base = make_base()
    cfg = ExportCfg(task="Reach", output=tmp_path / "capsule")
    export_policy(ReachTask(), base, make_steering(base, "full"), cfg)
    command = [sys.executable, str(SCRIPTS / "verify.py")]
    done = subprocess.run([*command, str(tmp_path / "capsule"), "--json"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["passed"] is True
    assert set(report["latency_ms"]) == {"p50", "p99", "max", "slowest_step"}
    done = subprocess.run([*command, str(tmp_path / "nothing")], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {tmp_path / 'nothing'} does not exist.")
    assert "Traceback" not in done.stderr
