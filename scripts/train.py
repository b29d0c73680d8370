# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Trains a steering policy: RSL-RL PPO that acts only in the noise of a frozen base policy.

    ./isaaclab.sh -p scripts/train.py --task SCORE-Insert-v0

Hydra overrides follow the flags: physics=newton_mjwarp, agent.steering.initial_std=1.0, env.episode_length_s=12.
Several GPUs: torchrun --nproc_per_node=4 scripts/train.py ... (docs/SCALE.md).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

# Before torch loads: small networks are many times slower on several threads.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# rsl_rl imports git, which insists on a git binary otherwise.
os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")

try:
    from score.cli.arguments import Command, task_options
    from score.utils.cli import run_command
except ModuleNotFoundError as error:
    raise SystemExit(f"error: {error}: start this with ./isaaclab.sh -p {__file__} ...") from None
except KeyboardInterrupt:
    raise SystemExit(130) from None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    command = Command(__doc__)
    command.add_task(num_envs="the task's own", seed=None)
    command.add_processes()
    command.add_base_policy()
    add = command.add_argument
    add("--method", metavar="NAME", help="score (default), residual, score_residual, ppo, bc_ppo: what PPO acts on")
    add("--max_iterations", type=int, metavar="N", help="iterations of the whole run")
    add("--checkpoint", metavar="latest|best|FILE", help="checkpoint to go on from")
    add("--despite_contract", action="store_true", help="train although check_contract.py found something red")
    add("--run_name", default="", help="appended to the name of the run's folder")
    args, overrides = command.parse(arguments)
    # Imported late, so that --help and a mistyped flag answer at once, and wrong names before all libraries are there.
    from score.cli import artefacts
    from score.utils.files import require_plain_name

    if args.run_name:
        require_plain_name(args.run_name, "--run_name")
    # No --domain: training in the stand-in for the robot would spoil its numbers.
    bundle, resume = artefacts.find_inputs(args, overrides, resume=True)
    from score.policies.contract_mark import require_no_red_mark

    if not args.despite_contract:
        require_no_red_mark(bundle, args.task.rpartition(":")[2])
    from score.cli.anchors import anchored, demonstrated_conditions
    from score.cli.processes import choose_processes, run_in_processes
    from score.cli.trainings import configure, require_trainable
    from score.open_task import agent_settings, default_num_envs, open_task
    from score.policies.load import load_policy, policy_sha256
    from score.steering.run_folder import run_directory
    from score.steering.train import train
    from score.utils import ranks

    settings = agent_settings(args.task, overrides)
    configure(settings, args, overrides)
    num_envs = args.num_envs or default_num_envs(args.task, overrides)
    require_trainable(settings, bundle, num_envs // choose_processes(args.processes, num_envs, args.device))
    if run_in_processes(args, num_envs, __file__, arguments):
        return 0
    device = ranks.own_device(args.device)
    options = task_options(args, overrides, num_envs=num_envs // ranks.count(), device=device)
    with ranks.process_group(device), open_task(**options) as task:
        cfg = task.agent_cfg
        configure(cfg, args, overrides)
        log_dir = run_directory(artefacts.LOG_ROOT / cfg.experiment_name, args.run_name, resume)
        base_policy = load_policy(bundle, task.spec)
        metadata = {"physics": task.engine, "base_policy": str(bundle.name), "bundle_sha256": policy_sha256(bundle)}
        anchor = demonstrated_conditions(Path(cfg.steering.anchor_data), base_policy) if anchored(cfg) else None
        train(task, base_policy, cfg, log_dir, resume, task_name=args.task, metadata=metadata, anchor=anchor)
    return 0


if __name__ == "__main__":
    raise SystemExit(run_command(main))
