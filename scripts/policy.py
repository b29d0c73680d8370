# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Look at a base policy before it is steered, or turn somebody else's checkpoint into one.

    ./isaaclab.sh -p scripts/policy.py check DIR --task SCORE-Insert-v0 --episodes 50
    ./isaaclab.sh -p scripts/policy.py convert DIR --task SCORE-Insert-v0 --output base_policy
    ./isaaclab.sh -p scripts/policy.py freeze --help

freeze compiles any PyTorch policy, or a LeRobot one with cameras. It is one file that needs torch alone, to be copied
to where that policy runs; its help says where the file is.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

# Before torch loads: at these sizes a second thread waits more than it works.
os.environ.setdefault("OMP_NUM_THREADS", "1")

try:
    from score.cli.arguments import Command, task_options
    from score.utils.cli import run_command
except ModuleNotFoundError as error:
    raise SystemExit(f"error: {error}: start this with ./isaaclab.sh -p {__file__} ...") from None
except KeyboardInterrupt:
    raise SystemExit(130) from None


def parse_arguments(arguments: Sequence[str] | None = None) -> tuple[argparse.Namespace, list[str]]:
    """Read the command line."""
    command = Command(__doc__)
    command.add_task(num_envs="1, or the episodes, at most 64")
    add = command.add_argument
    what = "report on a base policy, write a checkpoint as one, or compile one (flags of its own)"
    add("action", metavar="check|convert|freeze", help=what)
    add("policy", type=Path, metavar="PATH", help="base policy, LeRobot folder 'pretrained_model', or checkpoint file")
    add("--interface", type=Path, metavar="FILE.yaml", help="what the checkpoint does not know (default: beside it)")
    add("--output", type=Path, metavar="DIR", help="convert: folder of the base policy")
    add("--episodes", type=int, metavar="N", help="check: also run N starts without steering, in sim")
    return command.parse(arguments)


def main(words: Sequence[str] | None = None) -> int:
    """Run the command."""
    words = sys.argv[1:] if words is None else words
    if words[:1] == ["freeze"]:
        from score.policies.freezing import freeze

        return freeze.main(words[1:])
    arguments, overrides = parse_arguments(words)
    # Imported late, so that --help and a mistyped flag answer at once.
    from score.cli import policies
    from score.open_task import agent_settings, open_task

    agent_settings(arguments.task, overrides)
    policies.check_flags(arguments)
    num_envs = arguments.num_envs or min(arguments.episodes or 1, 64)
    with open_task(**task_options(arguments, overrides, num_envs=num_envs)) as task:
        return policies.ACTIONS[arguments.action](arguments, task)


if __name__ == "__main__":
    raise SystemExit(run_command(main))
