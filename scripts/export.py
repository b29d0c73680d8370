# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Write a trained policy as a capsule for the robot: one TorchScript file, its description, a recorded episode, a loop.

    ./isaaclab.sh -p scripts/export.py --task SCORE-Insert-v0 --checkpoint best --output capsule

Records one episode in the simulator, writes the folder, and replays the episode without the simulator to compare.
Exit code 0: the capsule passes; 1: it was written and a check failed; 2: wrong input.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from score.utils.cli import run_command


def parse_arguments(arguments: list[str] | None = None) -> tuple[argparse.Namespace, list[str]]:
    """Read the command line; what is left are Hydra overrides."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", required=True, help="gym id, e.g. SCORE-Insert-v0")
    parser.add_argument("--checkpoint", default="best", metavar="latest|best|FILE", help="steering policy (default: best)")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="folder of the capsule")
    parser.add_argument("--base_policy", type=Path, metavar="DIR", help="base policy (default: the task's own)")
    parser.add_argument("--domain", choices=("sim", "real"), default="sim", help="where the episode is recorded")
    parser.add_argument("--sampled", action="store_true", help="draw latents instead of taking the mean latent")
    parser.add_argument("--evaluation", type=Path, metavar="FILE.json", help="report of evaluate.py, for the manifest")
    parser.add_argument("--attempts", type=int, default=20, help="episodes to try until one succeeds (default: 20)")
    parser.add_argument("--num_envs", type=int, default=1, help="environments; the first one is recorded (default: 1)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the starts (default: 0)")
    parser.add_argument("--device", default=None, help="torch device of the simulator")
    parser.add_argument("--overwrite", action="store_true", help="replace an existing capsule")
    return parser.parse_known_args(arguments)


def main() -> int:
    """Run the command."""
    arguments, overrides = parse_arguments()
    # Imported late, so that --help and a mistyped flag answer at once.
    from score.deployment import verify_capsule
    from score.deployment.record import ExportCfg, export_policy
    from score.evaluation.schema import read_report
    from score.policies.bundle import bundle_sha256, load_bundle
    from score.simulation import entry_point, open_task, task_kwargs
    from score.steering.checkpoint import load_checkpoint, resolve_checkpoint
    from score.steering.policy import load_steering_policy
    from score.utils.errors import UserError
    from score.utils.files import require_writable, sha256_of

    _, kwargs = task_kwargs(arguments.task, arguments.domain)
    bundle = arguments.base_policy or entry_point(arguments.task, "base_policy_entry_point")(kwargs["base_policy"])
    checkpoint = resolve_checkpoint(
        arguments.checkpoint, Path("logs/rsl_rl") / _experiment(arguments.task), arguments.task
    )
    # Everything that can be wrong with files is found before the simulator starts.
    iteration = load_checkpoint(checkpoint)["iter"]
    load_steering_policy(checkpoint, load_bundle(bundle))
    evaluation = read_report(arguments.evaluation) if arguments.evaluation else {}
    require_writable(arguments.output.resolve().parent)
    if arguments.output.exists() and not arguments.overwrite:
        raise UserError(f"{arguments.output} already exists: name another folder, or add --overwrite.")
    print(f"Base policy: {bundle}")
    print(f"Checkpoint:  {checkpoint} (iteration {iteration})")
    print(f"Capsule:     {arguments.output}: policy.pt, manifest.json, golden.safetensors, run_policy.py")
    with open_task(
        arguments.task,
        domain=arguments.domain,
        num_envs=arguments.num_envs,
        seed=arguments.seed,
        device=arguments.device,
        overrides=overrides,
    ) as task:
        base = load_bundle(bundle, task.device)
        cfg = ExportCfg(
            task=arguments.task,
            output=arguments.output,
            sampled=arguments.sampled,
            seed=arguments.seed,
            attempts=arguments.attempts,
            overwrite=arguments.overwrite,
            recorded_in={"domain": arguments.domain, "engine": task.engine, "device": task.device},
            base_policy={"name": Path(bundle).name, "sha256": bundle_sha256(bundle)},
            training_run={**_run_facts(checkpoint), "iteration": iteration, "sha256": sha256_of(checkpoint)},
            evaluation=evaluation,
        )
        export_policy(task, base, load_steering_policy(checkpoint, base, task.device), cfg)
    report = verify_capsule(arguments.output)
    print(report.summary())
    return 1 if report.failures else 0


def _experiment(task: str) -> str:
    """Name of the folder of the task's training runs."""
    from score.simulation import entry_point

    return entry_point(task, "rsl_rl_cfg_entry_point")().experiment_name


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
    raise SystemExit(run_command(main))
