# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""From the flags of ``steerability.py`` to its settings, and where it keeps what is done."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from score.utils.errors import UserError
from score.utils.files import require_file_place
from score.utils.settings_files import require_own_report

if TYPE_CHECKING:
    from score.evaluation.partial import PartialResults
    from score.evaluation.steerability import SteerabilityCfg


def steerability_inputs(
    args: argparse.Namespace, bundle: Path, overrides: Sequence[str]
) -> tuple[SteerabilityCfg, Path, dict[str, Any]]:
    """Make settings from flags.

    Args:
        args: The flags.
        bundle: Folder of the base policy.
        overrides: Hydra overrides.

    Returns:
        Settings that lack only what the opened task knows; the report's file; what the report says of its origin.

    Raises:
        UserError: A flag is out of range, the file cannot be written, or it is there and no such report.
    """
    from score.evaluation.steerability import SteerabilityCfg
    from score.policies.load import policy_sha256
    from score.utils.provenance import command_line, source_commit

    task = args.task.rpartition(":")[2]
    cfg = SteerabilityCfg(args.episodes, args.tries, args.search_episodes, args.seed)
    output = args.output or Path("logs") / "steerability" / f"{task}_{bundle.name}_{args.domain}_seed{args.seed}.json"
    if output.suffix != ".json":
        raise UserError(f"--output must name a .json file, got {output}.")
    require_file_place(output)
    require_own_report(output, ("sensitivity", "advice"), "scripts/steerability.py")
    facts = {"task": task, "domain": args.domain, "seed": args.seed, "base_policy": policy_sha256(bundle)}
    facts |= {"overrides": " ".join(overrides), "commit": source_commit(), "command": command_line()}
    return cfg, output, facts


def open_store(
    cfg: SteerabilityCfg, task: Any, output: Path, facts: dict[str, Any]
) -> tuple[SteerabilityCfg, PartialResults]:
    """Complete the settings with what the opened task knows, and open the file of what is done.

    Raises:
        UserError: That file was made with other settings.
    """
    from score.evaluation.partial import PartialResults

    cfg = replace(cfg, chunk_steps=task.agent_cfg.steering.chunk_steps)
    settings = {key: value for key, value in facts.items() if key != "command"} | {"physics": task.engine} | vars(cfg)
    return cfg, PartialResults(output.with_name(output.name + ".partial"), settings)
