# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Watches a checkpoint: writes an mp4 with --video, or opens one of Isaac Lab's viewers with --viz.

./isaaclab.sh -p scripts/play.py --task SCORE-Insert-v0 --checkpoint best --video
./isaaclab.sh -p scripts/play.py --task SCORE-Insert-v0 --checkpoint best --viz viser
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

# Before torch loads: small networks are many times slower on several threads.
os.environ.setdefault("OMP_NUM_THREADS", "1")

VIEWERS = ("newton_gl", "viser", "rerun", "kit")


def make_parser() -> argparse.ArgumentParser:
    """Describes the command line; what it does not know are Hydra overrides."""
    parser = argparse.ArgumentParser(description="Watch a steering checkpoint.", allow_abbrev=False)
    parser.add_argument("--task", required=True, help="gym id, e.g. SCORE-Insert-v0")
    parser.add_argument(
        "--checkpoint",
        default="best",
        metavar="latest|best|none|FILE",
        help="steering checkpoint; none: base policy alone",
    )
    parser.add_argument(
        "--base_policy", type=Path, metavar="DIR", help="base policy (default: the one the task ships with)"
    )
    parser.add_argument("--domain", default="sim", help="sim, or real: the stand-in for the robot (default sim)")
    parser.add_argument("--num_envs", type=int, default=1, help="environments (default 1; a video shows the first)")
    parser.add_argument(
        "--episodes", type=int, default=4, metavar="N", help="episodes of the first environment (default 4)"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", help="torch device, e.g. cpu or cuda:0 (default: a GPU if there is one)")
    parser.add_argument("--viz", action="append", default=[], choices=VIEWERS, help="viewer to open")
    parser.add_argument("--video", action="store_true", help="write an mp4 of the first environment")
    parser.add_argument(
        "--output", type=Path, metavar="DIR", help="folder of the mp4 (default: videos/play in the run)"
    )
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Runs the command."""
    parser = make_parser()
    args, unknown = parser.parse_known_args(arguments)
    from score.utils.errors import UserError

    if args.episodes < 1:
        raise UserError(f"--episodes must be at least 1, got {args.episodes}.")
    if not args.video and not args.viz:
        raise UserError("Nothing to show: add --video for an mp4, or --viz newton_gl|viser|rerun|kit for a viewer.")
    from score.cli import artefacts
    from score.policies import require_match
    from score.rollout.arms import base_arm, steered_arm
    from score.rollout.episodes import run_episodes
    from score.simulation import open_task, task_kwargs
    from score.utils.files import require_writable

    overrides = artefacts.require_overrides(unknown, list(parser._option_string_actions))
    task_kwargs(args.task, args.domain)
    checkpoint = artefacts.find_checkpoint(args.checkpoint, args.task, artefacts.experiment_name(args.task, overrides))
    bundle = args.base_policy or artefacts.shipped_base_policy(args.task)
    folder = args.output or (checkpoint.parent if checkpoint else Path("logs")) / "videos" / "play"
    if args.video:
        require_writable(folder)
        print(f"Writes an mp4 to {folder}")
    print(f"Base policy {bundle}; steering checkpoint {checkpoint or 'none'}; Ctrl-C ends")
    with open_task(
        args.task,
        domain=args.domain,
        num_envs=args.num_envs,
        seed=args.seed,
        device=args.device,
        overrides=overrides,
        visualizers=args.viz,
        video_dir=str(folder) if args.video else None,
        video_length=args.episodes * 100,
    ) as task:
        base_policy, steering = artefacts.load_policies(bundle, checkpoint, task.device)
        require_match(base_policy.spec, task.spec)
        arm = base_arm() if steering is None else steered_arm(steering)
        chunk = task.agent_cfg.steering.chunk_steps if steering is None else steering.chunk_steps
        results = run_episodes(
            task, base_policy, arm, episodes=args.episodes * args.num_envs, seed=args.seed, chunk_steps=chunk
        )
        solved = int(results.success.sum())
        print(f"{arm.name}: {solved} of {len(results.success)} episodes succeeded")
    return 0


if __name__ == "__main__":
    from score.utils.cli import run_command

    raise SystemExit(run_command(main))
