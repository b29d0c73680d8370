# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Watches a checkpoint: an mp4 of base and steered policy side by side with --video, or one of the viewers with --viz.

./isaaclab.sh -p scripts/play.py --task SCORE-Insert-v0 --checkpoint best --video
./isaaclab.sh -p scripts/play.py --task SCORE-Insert-v0 --checkpoint best --viz viser
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

# Before torch loads: small networks are many times slower on several threads.
os.environ.setdefault("OMP_NUM_THREADS", "1")

try:
    from score.cli.arguments import Command, require_display, require_host, task_options
    from score.utils.cli import run_command
    from score.utils.errors import UserError
except ModuleNotFoundError as error:
    raise SystemExit(f"error: {error}: start this with ./isaaclab.sh -p {__file__} ...") from None
except KeyboardInterrupt:
    raise SystemExit(130) from None

VIEWERS = ("newton_gl", "viser", "rerun", "kit")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    command = Command(__doc__)
    command.add_task(num_envs="1; a video shows no more")
    command.add_base_policy()
    command.add_checkpoint()
    command.add_domain()
    add = command.add_argument
    add("--episodes", type=int, default=4, metavar="N", help="episodes of each environment (default: 4)")
    add("--viz", action="append", default=[], choices=VIEWERS, help="viewer to open")
    add("--viewer_host", default="127.0.0.1", metavar="ADDRESS", help="where browsers find it; 0.0.0.0: from anywhere")
    add("--video", action="store_true", help="write an mp4: whole episodes, each from one start for both policies")
    add("--output", type=Path, metavar="DIR", help="folder of the mp4 (default: videos in the run, or logs/videos)")
    args, overrides = command.parse(arguments)
    if not args.video and not args.viz:
        raise UserError("Nothing to show: add --video for an mp4, or --viz newton_gl|viser|rerun|kit for a viewer.")
    require_display(args.viz)
    if args.viz:
        require_host(args.viewer_host)
    if args.video and (args.num_envs or 1) > 1:
        raise UserError("--num_envs: a video shows one environment; leave it out, or watch several with --viz.")
    # Imported late, so that --help and a mistyped flag answer at once, and wrong names before all libraries are there.
    from score.cli import artefacts

    bundle, checkpoint = artefacts.find_inputs(args, overrides)
    from score.cli.shipped import SHIPPED, evaluation_lines
    from score.cli.video import panel_size, write_video
    from score.cli.watch import Watch
    from score.evaluation.support import SupportMeter
    from score.open_task import open_task
    from score.rollout.arms import base_arm, steered_arm
    from score.rollout.episodes import run_episodes
    from score.utils.files import require_writable

    folder = args.output or artefacts.results_folder(args.checkpoint, checkpoint) / "videos"
    name = (
        f"{args.task.rpartition(':')[2]}_{checkpoint.stem if checkpoint else 'base'}_{args.domain}_seed{args.seed}.mp4"
    )
    print(f"Base policy {bundle}; steering checkpoint {checkpoint or 'none'}; Ctrl-C ends")
    if checkpoint is not None and args.checkpoint == SHIPPED:
        print(*evaluation_lines(checkpoint), sep="\n")
    viewing: dict[str, Any] = {"visualizers": args.viz, "viewer_host": args.viewer_host} if args.viz else {}
    if args.video:
        require_writable(folder)
        print(f"Writes {folder / name}")
        viewing["camera"] = panel_size(1 if checkpoint is None else 2)
    with open_task(**task_options(args, overrides, num_envs=args.num_envs or 1, **viewing)) as task:
        base_policy, steering = artefacts.load_policies(bundle, checkpoint, task)
        arms = [base_arm(), steered_arm(steering)] if steering is not None else [base_arm()]
        options = {"seed": args.seed, "chunk_steps": (steering or task.agent_cfg.steering).chunk_steps}
        if args.video:
            successes = write_video(folder / name, task, base_policy, arms, args.episodes, **options)
        else:
            episodes = range(args.episodes * task.num_envs)
            meter = SupportMeter(base_policy, steering) if steering is not None else None
            watch = Watch(task, arms[-1].name, len(episodes), meter)
            for address in watch.addresses:
                print(f"Look at {address}", flush=True)
            watched = meter.watch(arms[-1]) if meter is not None else arms[-1]
            results = run_episodes(
                task, base_policy, watched, episodes=episodes, recorder=watch, store=watch, **options
            )
            successes = {arms[-1].name: int(results.success.sum())}
        for arm, count in successes.items():
            print(f"{arm}: {count} of {args.episodes * task.num_envs} episodes succeeded")
    return 0


if __name__ == "__main__":
    raise SystemExit(run_command(main))
