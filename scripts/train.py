# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Trains a steering policy: RSL-RL PPO that acts only in the noise of a frozen base policy.

    ./isaaclab.sh -p scripts/train.py --task SCORE-Insert-v0

Hydra overrides follow the flags: physics=newton_mjwarp, agent.steering.initial_std=1.0, env.episode_length_s=12.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

# Before torch loads: small networks are many times slower on several threads.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# rsl_rl imports git, which insists on a git binary otherwise.
os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")


def make_parser() -> argparse.ArgumentParser:
    """Describes the command line; what it does not know are Hydra overrides."""
    parser = argparse.ArgumentParser(
        description="Train a steering policy in the noise of a frozen base policy.",
        epilog="Hydra overrides such as physics=newton_mjwarp or agent.steering.initial_std=1.0 may follow.",
        allow_abbrev=False,
    )
    parser.add_argument("--task", required=True, help="gym id, e.g. SCORE-Insert-v0")
    parser.add_argument(
        "--method", metavar="NAME", help="score (the latent; default), residual, score_residual: what PPO acts on"
    )
    parser.add_argument(
        "--base_policy", type=Path, metavar="DIR", help="base policy (default: the one the task ships with)"
    )
    parser.add_argument("--num_envs", type=int, metavar="N", help="environments (default: the task's own)")
    parser.add_argument("--max_iterations", type=int, metavar="N", help="iterations of the whole run")
    parser.add_argument("--checkpoint", metavar="latest|best|FILE", help="checkpoint to go on from")
    parser.add_argument("--seed", type=int, help="seed of everything (default: the task's own, 42)")
    parser.add_argument("--run_name", default="", help="appended to the name of the run's folder")
    parser.add_argument("--device", help="torch device, e.g. cpu or cuda:0 (default: a GPU if there is one)")
    parser.add_argument("--distributed", action="store_true", help="one process per GPU, started by torchrun")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Runs the command."""
    parser = make_parser()
    args, unknown = parser.parse_known_args(arguments)
    from score.utils.errors import UserError

    if args.num_envs is not None and args.num_envs < 1:
        raise UserError(f"--num_envs must be at least 1, got {args.num_envs}.")
    # Imported late, so that --help and a mistyped number answer at once.
    from score.cli import artefacts
    from score.policies.bundle import bundle_sha256, load_bundle
    from score.simulation import open_task, task_kwargs
    from score.steering.methods import find_method
    from score.steering.train import run_directory, train

    overrides = artefacts.require_overrides(unknown, list(parser._option_string_actions))
    if args.method is not None:
        find_method(args.method)
    task_kwargs(args.task, "sim")  # refuses the stand-in for the robot: training there would spoil its numbers
    device = args.device
    if args.distributed:
        device = f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
    experiment = artefacts.experiment_name(args.task, overrides)
    resume = artefacts.find_checkpoint(args.checkpoint or artefacts.NO_CHECKPOINT, args.task, experiment)
    bundle = args.base_policy or artefacts.shipped_base_policy(args.task)
    base_policy = load_bundle(bundle, "cpu")
    with open_task(args.task, num_envs=args.num_envs, seed=args.seed, device=device, overrides=overrides) as task:
        cfg = task.agent_cfg
        if args.max_iterations is not None:
            cfg.max_iterations = args.max_iterations
        if args.method is not None:
            cfg.steering.method = args.method
        cfg.run_name = args.run_name
        log_dir = run_directory(artefacts.LOG_ROOT / experiment, args.run_name, resume)
        metadata = {"physics": task.engine, "base_policy": str(bundle.name), "bundle_sha256": bundle_sha256(bundle)}
        train(task, base_policy, cfg, log_dir, resume, task_name=args.task, metadata=metadata)
    return 0


if __name__ == "__main__":
    from score.utils.cli import run_command

    raise SystemExit(run_command(main))
