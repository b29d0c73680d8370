# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Watches a checkpoint: writes an mp4 with --video, or opens one of Isaac Lab's viewers with --viz.

./isaaclab.sh -p scripts/play.py --task SCORE-Insert-v0 --checkpoint shipped --video
./isaaclab.sh -p scripts/play.py --task SCORE-Insert-v0 --checkpoint best --viz viser
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

# Before torch loads: small networks are many times slower on several threads.
os.environ.setdefault("OMP_NUM_THREADS", "1")

try:
    from score.cli.arguments import Command, require_display, task_options
    from score.utils.cli import run_command
    from score.utils.errors import UserError
except ModuleNotFoundError as error:
    raise SystemExit(f"error: {error}: start this with ./isaaclab.sh -p {__file__} ...") from None
except KeyboardInterrupt:
    raise SystemExit(130) from None

VIEWERS = ("newton_gl", "viser", "rerun", "kit")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command."""
    command = Command(__doc__)
    command.add_task(num_envs="1; a video shows the first")
    command.add_base_policy()
    command.add_checkpoint()
    command.add_domain()
    add = command.add_argument
    add("--episodes", type=int, default=4, metavar="N", help="episodes of each environment (default: 4)")
    add("--viz", action="append", default=[], choices=VIEWERS, help="viewer to open")
    add("--video", action="store_true", help="write an mp4 of the first environment")
    add("--output", type=Path, metavar="DIR", help="folder of the mp4 (default: videos/play in the run)")
    args, overrides = command.parse(arguments)
    if not args.video and not args.viz:
        raise UserError("Nothing to show: add --video for an mp4, or --viz newton_gl|viser|rerun|kit for a viewer.")
    require_display(args.viz)
    # Imported late, so that --help and a mistyped flag answer at once.
    from score.cli import artefacts
    from score.cli.shipped import SHIPPED, evaluation_lines
    from score.open_task import open_task
    from score.rollout.arms import base_arm, steered_arm
    from score.rollout.episodes import run_episodes
    from score.utils.files import require_writable

    bundle, checkpoint = artefacts.find_inputs(args, overrides)
    folder = args.output or artefacts.results_folder(args.checkpoint, checkpoint) / "videos" / "play"
    if args.video:
        require_writable(folder)
        print(f"Writes an mp4 to {folder}")
    print(f"Base policy {bundle}; steering checkpoint {checkpoint or 'none'}; Ctrl-C ends")
    if checkpoint is not None and args.checkpoint == SHIPPED:
        print(*evaluation_lines(checkpoint), sep="\n")
    video = {"video_dir": str(folder), "video_episodes": args.episodes} if args.video else {}
    options = task_options(args, overrides, num_envs=args.num_envs or 1, visualizers=args.viz, **video)
    with open_task(**options) as task:
        base_policy, steering = artefacts.load_policies(bundle, checkpoint, task.spec, task.device)
        arm = base_arm() if steering is None else steered_arm(steering)
        chunk_steps = (steering or task.agent_cfg.steering).chunk_steps
        episodes = range(args.episodes * task.num_envs)
        results = run_episodes(task, base_policy, arm, episodes=episodes, seed=args.seed, chunk_steps=chunk_steps)
        print(f"{arm.name}: {int(results.success.sum())} of {len(episodes)} episodes succeeded")
    return 0


if __name__ == "__main__":
    raise SystemExit(run_command(main))
