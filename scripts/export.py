# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Write a trained policy as a capsule for the robot: one TorchScript file, its description, a recorded episode, a loop.

    ./isaaclab.sh -p scripts/export.py --task SCORE-Insert-v0 --checkpoint best --output capsule

Records one episode in the simulator, writes the folder, and replays the episode without the simulator to compare.
Exit code 0: the capsule passes; 1: it was written and a check failed; 2: wrong input.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

# Before torch loads: small networks are many times slower on several threads.
os.environ.setdefault("OMP_NUM_THREADS", "1")


def make_parser() -> argparse.ArgumentParser:
    """Describe the command line; what it does not know are Hydra overrides."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--task", required=True, help="gym id, e.g. SCORE-Insert-v0")
    parser.add_argument(
        "--checkpoint", default="best", metavar="latest|best|FILE", help="steering policy (default: best)"
    )
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="folder of the capsule")
    parser.add_argument("--base_policy", type=Path, metavar="DIR", help="base policy (default: the task's own)")
    parser.add_argument("--domain", default="sim", help="sim or real: where the episode is recorded (default: sim)")
    parser.add_argument("--sampled", action="store_true", help="draw codes instead of taking their mean")
    parser.add_argument("--evaluation", type=Path, metavar="FILE.json", help="report of evaluate.py, for the manifest")
    parser.add_argument("--attempts", type=int, default=20, help="episodes to try until one succeeds (default: 20)")
    parser.add_argument("--num_envs", type=int, default=1, help="environments; the first one is recorded (default: 1)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the starts (default: 0)")
    parser.add_argument("--device", help="torch device of the simulator, e.g. cpu (default: a GPU if there is one)")
    parser.add_argument("--overwrite", action="store_true", help="replace an existing capsule")
    return parser


def main() -> int:
    """Run the command."""
    parser = make_parser()
    arguments, unknown = parser.parse_known_args()
    # Imported late, so that --help and a mistyped flag answer at once.
    from score.cli import artefacts
    from score.deployment import verify_capsule
    from score.deployment.record import ExportCfg, export_policy
    from score.evaluation.schema import read_report
    from score.policies.bundle import bundle_sha256
    from score.simulation import open_task, task_kwargs
    from score.utils.errors import UserError
    from score.utils.files import require_writable, sha256_of

    overrides = artefacts.require_overrides(unknown, list(parser._option_string_actions))
    task_kwargs(arguments.task, arguments.domain)
    # Everything that can be wrong with files is found before the simulator starts.
    checkpoint = artefacts.find_checkpoint(
        arguments.checkpoint, arguments.task, artefacts.experiment_name(arguments.task, overrides)
    )
    bundle = arguments.base_policy or artefacts.shipped_base_policy(arguments.task)
    steering = artefacts.load_policies(bundle, checkpoint, "cpu")[1]
    if checkpoint is None or steering is None:
        raise UserError("--checkpoint none: a capsule needs a steering policy. Give latest, best or a file.")
    evaluation = read_report(arguments.evaluation) if arguments.evaluation else {}
    require_writable(arguments.output.resolve().parent)
    if arguments.output.exists() and not arguments.overwrite:
        raise UserError(f"{arguments.output} already exists: name another folder, or add --overwrite.")
    print(f"Base policy: {bundle}")
    print(f"Checkpoint:  {checkpoint} (method {steering.method}, iteration {steering.iteration})")
    print(f"Capsule:     {arguments.output}: policy.pt, manifest.json, golden.safetensors, run_policy.py")
    with open_task(
        arguments.task,
        domain=arguments.domain,
        num_envs=arguments.num_envs,
        seed=arguments.seed,
        device=arguments.device,
        overrides=overrides,
    ) as task:
        steering = artefacts.load_policies(bundle, checkpoint, task.device)[1]
        assert steering is not None
        cfg = ExportCfg(
            task=arguments.task,
            output=arguments.output,
            sampled=arguments.sampled,
            seed=arguments.seed,
            attempts=arguments.attempts,
            overwrite=arguments.overwrite,
            recorded_in={"domain": arguments.domain, "engine": task.engine, "device": task.device},
            base_policy={"name": Path(bundle).name, "sha256": bundle_sha256(bundle)},
            training_run={**_run_facts(checkpoint), "iteration": steering.iteration, "sha256": sha256_of(checkpoint)},
            evaluation=evaluation,
        )
        export_policy(task, steering, cfg)
    report = verify_capsule(arguments.output)
    print(report.summary())
    return 1 if report.failures else 0


def _run_facts(checkpoint: Path) -> dict[str, Any]:
    """Names of run and checkpoint, and what the run's ``run.json`` says of seed, commit and versions."""
    facts: dict[str, Any] = {"run": checkpoint.resolve().parent.name, "checkpoint": checkpoint.name}
    manifest = checkpoint.parent / "run.json"
    if manifest.is_file():
        values = json.loads(manifest.read_text())
        values = values.get("metadata", values)
        facts |= {key: values[key] for key in ("seed", "git_commit", "versions", "physics") if key in values}
    return facts


if __name__ == "__main__":
    from score.utils.cli import run_command

    raise SystemExit(run_command(main))
