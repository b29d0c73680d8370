# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Write the USD files of ``score_assets`` from their tables, or check that the files are up to date.

Examples:
    python scripts/author_assets.py
    python scripts/author_assets.py --check
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

try:
    from score.cli.arguments import Command
    from score.utils.cli import run_command
except ModuleNotFoundError as error:
    raise SystemExit(f"error: {error}: start this with ./isaaclab.sh -p {__file__} ...") from None
except KeyboardInterrupt:
    raise SystemExit(130) from None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    command = Command(__doc__)
    what = "folder of the USD files (default: the package's own)"
    command.add_argument("--output", type=Path, metavar="DIR", help=what)
    what = "write nothing; exit with 1 if a file is not what would be written"
    command.add_argument("--check", action="store_true", help=what)
    options = command.parse_args(arguments)
    # Imported late, so that --help and a mistyped flag answer at once.
    from score.utils.files import require_folder_place, require_writable
    from score_assets import USD_DIR
    from score_assets.usd_files import USD_FILES, outdated_usd_files, write_usd_files

    output = options.output or USD_DIR
    if options.check:
        problems = outdated_usd_files(output)
        for problem in problems:
            print(f"{output / problem}", file=sys.stderr)
        print(f"{output}: " + ("out of date, run scripts/author_assets.py" if problems else "up to date"))
        return 1 if problems else 0
    require_folder_place(output, tuple(USD_FILES))
    require_writable(output)
    print(f"writing {output}")
    for path in write_usd_files(output):
        print(f"  {path.name}  {path.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    raise SystemExit(run_command(main))
