# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Check a capsule on any machine that has torch: hashes, the recorded episode, limits, latency on one core.

    ./isaaclab.sh -p scripts/verify.py capsule

Exit code 0: all is well; 1: a check failed; 2: the folder is no capsule, or a damaged one.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

try:
    from score.cli.arguments import Command, require_counts
    from score.utils.cli import run_command
except ModuleNotFoundError as error:
    raise SystemExit(f"error: {error}: start this with ./isaaclab.sh -p {__file__} ...") from None
except KeyboardInterrupt:
    raise SystemExit(130) from None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    command = Command(__doc__)
    command.add_argument("capsule", type=Path, metavar="CAPSULE", help="folder that export.py wrote")
    command.add_argument("--json", action="store_true", help="print the report as JSON")
    command.add_argument("--repeats", type=int, default=5, help="replays of the recorded episode (default: 5)")
    command.add_argument("--log", type=Path, metavar="FILE", help="compare with a log of run_policy.py --log instead")
    args = command.parse_args(arguments)
    require_counts(args)
    from score.deployment import verify_capsule  # late, so that --help answers at once

    report = verify_capsule(args.capsule, repeats=args.repeats, log=args.log)
    print(json.dumps(report.to_dict(), indent=2) if args.json else report.summary())
    return 1 if report.failures else 0


if __name__ == "__main__":
    raise SystemExit(run_command(main))
