# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""A command that trains on the scripted task in several processes, and leaves what each of them found.

python tests/steering/point_run.py FOLDER --num_envs 16 --processes 2
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from tests.steering.scripted_task import PointTask, TwoWayPolicy

from score.cli.arguments import Command
from score.cli.processes import run_in_processes
from score.steering import train as module
from score.steering.checkpoint import weights_sha256
from score.steering.chunked_env import ChunkedVecEnv
from score.steering.config import SteeringRunnerCfg
from score.steering.runner import SteeringRunner
from score.utils import UserError, ranks, run_command


class WatchedEnv(ChunkedVecEnv):
    """Counts what this process did itself, and comes to the end that a test wants."""

    steps = ended = made = 0
    end: tuple[str, int, int] = ("", 0, 0)
    """How it ends, which process, and in which decision."""

    def step(self, actions: torch.Tensor) -> tuple[Any, torch.Tensor, torch.Tensor, dict[str, Any]]:
        how, rank, decision = self.end
        self.made += 1
        if (rank, decision) == (ranks.index(), self.made):
            if how == "killed":
                os.kill(os.getpid(), signal.SIGKILL)
            if how == "refused":
                raise UserError("The disc of this machine is too warm.")
            if how == "broken":
                raise ValueError("a defect")
            os.kill(os.getppid(), signal.Signals[how])
        before = self.env_steps
        result = super().step(actions)
        self.steps += self.env_steps - before
        self.ended += int(result[2].sum())
        return result


def facts(runner: SteeringRunner) -> dict[str, Any]:
    """What a process found: hashes of networks and optimiser, its own counts, totals, and its next random numbers."""
    env = runner.env
    assert isinstance(env, WatchedEnv)
    assert isinstance(env.task, PointTask)
    optimiser = runner.alg.optimizer.state_dict()["state"]
    moments = torch.cat([value.flatten().double() for state in optimiser.values() for value in state.values()])
    return {
        "weights": [weights_sha256(network) for network in (runner.alg.actor, runner.alg.critic)],
        "moments": moments.sum().item(),
        "normaliser_count": int(runner.alg.critic.obs_normalizer.count),
        "own": {"steps": env.steps, "ended": env.ended},
        "totals": {"steps": env.env_steps, "decisions": env.decisions},
        "rewards": runner.logger.state()["rewards"],
        "noise": torch.randn(2, generator=env.generator).tolist(),
        "sampled": torch.randn(2).tolist(),
        "starts": env.task.resets[1][1],
    }


def settings(learn: bool) -> SteeringRunnerCfg:
    """Two segments of two iterations; or ten iterations that learn."""
    cfg = SteeringRunnerCfg(seed=1 if learn else 3, num_steps_per_env=16 if learn else 8)
    cfg.max_iterations, cfg.save_interval = (10, 5) if learn else (4, 2)
    cfg.steering.chunk_steps = 4
    cfg.steering.basis = "full" if learn else "repeat"  # which draws noise beside the code
    cfg.steering.evaluation_episodes = 64 if learn else 16
    cfg.actor.hidden_dims = cfg.critic.hidden_dims = [64, 64] if learn else [32]
    cfg.algorithm.num_learning_epochs, cfg.algorithm.num_mini_batches = (6, 4) if learn else (2, 2)
    return cfg


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command."""
    command = Command(__doc__)
    command.add_argument("folder", type=Path)
    command.add_argument("--num_envs", type=int, default=16)
    command.add_argument("--device", default="cpu")
    command.add_argument("--checkpoint", type=Path)
    command.add_argument("--learn", action="store_true")
    command.add_argument("--end", nargs=3, default=("", 0, 0))
    command.add_processes()
    args, _ = command.parse(arguments)
    if run_in_processes(args, args.num_envs, __file__, arguments):
        return 0
    how, rank, decision = args.end
    WatchedEnv.end = (how, int(rank), int(decision))
    runners: list[SteeringRunner] = []

    class Watched(SteeringRunner):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            runners.append(self)

    vars(module).update(ChunkedVecEnv=WatchedEnv, SteeringRunner=Watched)
    with ranks.process_group("cpu"):
        task, cfg = PointTask(args.num_envs // ranks.count()), settings(args.learn)
        # Each process names a folder of its own, as clocks do.
        folder = args.folder if ranks.index() == 0 else args.folder.with_name("other")
        module.train(task, TwoWayPolicy(), cfg, folder, args.checkpoint, task_name="SCORE-Point-v0")
        (args.folder / f"facts_{ranks.index()}.json").write_text(json.dumps(facts(runners[0])))
    return 0


if __name__ == "__main__":
    raise SystemExit(run_command(main))
