# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Write the USD files of ``score_assets`` from their tables, or check that the files are up to date.

Examples:
    python scripts/author_assets.py
    python scripts/author_assets.py --check
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

try:
    from score_assets import USD_DIR
    from score_assets.usd_files import outdated_usd_files, write_usd_files
except ModuleNotFoundError as error:
    raise SystemExit(f"error: {error}: start this with ./isaaclab.sh -p {__file__} ...") from None
except KeyboardInterrupt:
    raise SystemExit(130) from None


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None, allow_abbrev=False)
    parser.add_argument(
        "--output", type=Path, default=USD_DIR, help="folder of the USD files (default: the package's own)"
    )
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit with 1 if a file is not what would be written"
    )
    options = parser.parse_args(arguments)
    if options.check:
        problems = outdated_usd_files(options.output)
        for problem in problems:
            print(f"{options.output / problem}", file=sys.stderr)
        print(f"{options.output}: " + ("out of date, run scripts/author_assets.py" if problems else "up to date"))
        return 1 if problems else 0
    print(f"writing {options.output}")
    for path in write_usd_files(options.output):
        print(f"  {path.name}  {path.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
