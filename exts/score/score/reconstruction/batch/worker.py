# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Makes one scan of a batch an asset, in a process of its own: a crash or a full memory ends this scan alone.

    python -m score.reconstruction.batch.worker job.json result.json

The job holds ``scan``, ``name``, ``output``, ``options``, ``drop``; the result ``status`` (passed, failed, refused),
``message`` and ``cpu``, the CPU time [s] of this process and of those that it started.
"""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path
from typing import Any

from score.reconstruction.build import build_asset
from score.reconstruction.options import asset_cfg
from score.utils.errors import UserError
from score.utils.signals import stopping_signals


def run(job: dict[str, Any]) -> dict[str, Any]:
    """Make the asset.

    Args:
        job: See the module.

    Returns:
        The result, see the module.
    """
    try:
        cfg = asset_cfg(Path(job["scan"]), job["name"], Path(job["output"]), job["options"], overwrite=True)
        passport = build_asset(cfg, drop=job["drop"])
    except UserError as error:
        return {"status": "refused", "message": str(error)}
    failed = [f"{check.name}: {check.detail}" for check in passport.checks if not check.passed]
    return {"status": "failed" if failed else "passed", "message": "; ".join(failed)}


def _cpu_seconds() -> float:
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def main() -> None:
    """Read the job, write the result."""
    source, target = (Path(argument) for argument in sys.argv[1:3])
    with stopping_signals():
        result = run(json.loads(source.read_text(encoding="utf-8")))
    target.write_text(json.dumps({**result, "cpu": _cpu_seconds()}), encoding="utf-8")


if __name__ == "__main__":
    main()
