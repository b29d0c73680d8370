# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""From a trained policy to a capsule, with the project's own base policy, steering policy and evaluation loop."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from tensordict import TensorDict
from tests.deployment.reach_task import ReachTask, reach_spec

from score.deployment import build_policy, read_golden, verify_capsule
from score.deployment.record import ExportCfg, export_policy, with_limits
from score.policies import FlowMatchingPolicy, FlowNetworkCfg, IntegratorCfg
from score.policies.normalisation import Statistic
from score.policies.window_policy import statistic_shapes
from score.rollout.arms import Decision, steered_arm
from score.steering.actor import SteeringModel
from score.steering.chunked_env import ChunkedVecEnv
from score.steering.distribution import BoundedGaussianDistribution
from score.steering.methods import METHODS, make_plan
from score.steering.plan import SteeringHead
from score.steering.policy import head_of
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


def make_actor(base: FlowMatchingPolicy, code_dim: int, std: float = 0.4) -> SteeringModel:
    observations = TensorDict({"policy": torch.zeros(1, base.condition_dim)}, batch_size=[1])
    distribution = {"class_name": BoundedGaussianDistribution, "init_std": std}
    layers = ("actor", code_dim, (16,), "elu", True, distribution)
    actor = SteeringModel(observations, {"actor": ["policy"]}, *layers, feature_limit=1.0)
    randomise(actor.mlp, 1.0)
    actor.train()
    for _ in range(3):  # statistics of an observation normaliser that has seen something
        actor.obs_normalizer.update(2.0 + 3.0 * torch.randn(64, base.condition_dim))
    return actor.eval().requires_grad_(False)


def make_steering(base: FlowMatchingPolicy, basis: str, method: str = "score") -> SteeringHead:
    settings = {"method": method, "basis": basis, "knots": 2, "bound": 3.0, "residual_limit": 0.05, "action_reach": 0.8}
    plan = make_plan(base, settings)
    return head_of(make_actor(base, plan.code_dim), plan, 3, method)


@pytest.mark.parametrize("sampled", [False, True])
@pytest.mark.parametrize("method", METHODS)
def test_capsule_is_evaluation_is_training(method: str, sampled: bool) -> None:
    """One decision of environment 0, for the same observations and noise; basis full with the mean code, where what
    training draws for the complement is not used, and dct with a sampled one."""
    base, task = make_base(), ReachTask()
    settings = {"method": method, "basis": "dct" if sampled else "full", "knots": 2, "bound": 3.0}
    plan = make_plan(base, settings | {"residual_limit": 0.05, "action_reach": 0.1})
    actor = make_actor(base, plan.code_dim)
    head = head_of(actor, plan, 4, method)

    env = ChunkedVecEnv(task, plan, chunk_steps=4, gamma=0.9, seed=8)
    observations = env.reset(seed=2)
    noise = torch.randn(2, 4, 2, generator=torch.Generator().manual_seed(8))  # what the step draws
    nothing = torch.zeros(2, dtype=torch.long)
    decision = Decision(observations["policy"], noise, nothing, nothing, seed=3)
    own = decision.own_noise(plan.own_dim)
    code = actor(observations)
    if sampled:
        inside = torch.einsum("hk,bha->bka", plan.latent_basis.columns, noise).flatten(1)
        u = actor.distribution.squash.inverse(code) + 0.4 * torch.cat([inside, own], dim=1)
        code = actor.distribution.squash(u)
    env.step(code)
    trained = torch.stack(task.asked, dim=1)

    evaluated = steered_arm(head, sample=sampled).act(decision)[1]
    assert evaluated is not None
    torch.testing.assert_close(evaluated, trained, atol=1e-6, rtol=0.0)

    policy = build_policy(head, base.spec, max_offset=9.0, sampled=sampled)
    policy.table.noise[0].copy_(noise[0])
    policy.table.own[0].copy_(own[0])
    windows = task.reset(seed=2)["policy"]
    frame = {"joint_pos": windows["joint_pos"][0, -1], "point_cloud": windows["point_cloud"][0]}
    deployed = torch.stack([policy(frame) for _ in range(4)])
    torch.testing.assert_close(deployed, trained[0], atol=1e-6, rtol=0.0)
    # Not the base policy's own chunk: what was compared is at work.
    assert (trained - base.decode(observations["policy"], noise)).abs().max() > 1e-3


@pytest.mark.parametrize(
    ("basis", "sampled", "method", "late"),
    [
        ("full", False, "score", 0),
        ("dct", False, "score", 0),
        ("repeat", True, "score", 0),
        ("repeat", True, "score", 2),
        ("dct", False, "residual", 0),
        ("dct", True, "score_residual", 0),
        ("dct", False, "ppo", 0),
        ("full", True, "bc_ppo", 0),
    ],
)
def test_capsule_acts_as_the_simulators_rollout(
    basis: str, sampled: bool, method: str, late: int, tmp_path: Path
) -> None:
    base, task = make_base(), ReachTask()
    steering = make_steering(base, basis, method)
    cfg = ExportCfg(task="Reach", output=tmp_path / "capsule", sampled=sampled, seed=5, late_steps=late)
    export_policy(task, steering, cfg)
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

    still = make_steering(base, basis, method)
    *_, weight, bias = still.network.parameters()
    for parameter in (weight, bias):
        parameter.zero_()
    spec = with_limits(base.spec, *task.command_limits[:2])
    unsteered = build_policy(still, spec, max_offset=0.2, sampled=sampled, seed=6)
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
    report = verify_capsule(export_policy(ReachTask(), make_steering(base, "full"), cfg))
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
    assert (manifest["latent"]["method"], manifest["latent"]["rule"], manifest["latent"]["seed"]) == (
        "score",
        "mean",
        None,
    )


def test_first_success_is_recorded_and_failures_are_named(tmp_path: Path) -> None:
    base = make_base()
    steering = make_steering(base, "full")
    said: list[str] = []
    cfg = ExportCfg(task="Reach", output=tmp_path / "a", attempts=4)
    export_policy(ReachTask(failures=3), steering, cfg, said.append)  # each failure resets itself once more
    golden = json.loads((tmp_path / "a" / "manifest.json").read_text())["golden"]
    assert golden["success"] is True
    assert golden["attempt"] > 0
    assert said == []

    cfg = ExportCfg(task="Reach", output=tmp_path / "b", attempts=2)
    export_policy(ReachTask(failures=99), steering, cfg, said.append)
    golden = json.loads((tmp_path / "b" / "manifest.json").read_text())["golden"]
    assert (golden["success"], golden["attempt"], golden["steps"]) == (False, 1, 13)  # 14 less the last
    assert said[0].startswith("No success in 2 episodes: the capsule carries a failed episode.")
    with pytest.raises(UserError, match="--attempts must be at least 1, got 0"):
        export_policy(ReachTask(), steering, ExportCfg(task="Reach", output=tmp_path / "c", attempts=0))
    with pytest.raises(UserError, match="The last of 2 episodes ended in its first control step, which"):
        cfg = ExportCfg(task="Reach", output=tmp_path / "d", attempts=2)
        export_policy(ReachTask(success_steps=1), steering, cfg, said.append)


def test_a_base_policy_of_another_task_is_refused(tmp_path: Path) -> None:
    base = make_base()
    task = ReachTask()
    task.spec = reach_spec()
    del task.spec.observations["point_cloud"]
    with pytest.raises(UserError, match="observation 'point_cloud' is missing in the task"):
        export_policy(task, make_steering(base, "full"), ExportCfg(task="Reach", output=tmp_path / "c"))
    assert list(tmp_path.iterdir()) == []


def test_verify_script(tmp_path: Path) -> None:
    base = make_base()
    cfg = ExportCfg(task="Reach", output=tmp_path / "capsule")
    export_policy(ReachTask(), make_steering(base, "full"), cfg)
    command = [sys.executable, str(SCRIPTS / "verify.py")]
    done = subprocess.run([*command, str(tmp_path / "capsule"), "--json"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["passed"] is True
    assert set(report["latency_ms"]) == {"p50", "p99", "max", "decision", "slowest_step"}
    done = subprocess.run([*command, str(tmp_path / "nothing")], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {tmp_path / 'nothing'} does not exist.")
    assert "Traceback" not in done.stderr
