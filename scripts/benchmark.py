# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Measures the speed tables of docs/RESULTS.md.

    ./isaaclab.sh -p scripts/benchmark.py --suite speed --task SCORE-Insert-v0

Environment steps per second of the bare engine, of the task, and of the task under steering, with peak memory, for 1,
16, 64 and 256 environments, each in a process of its own.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

# Before torch loads: small networks are many times slower on several threads.
os.environ.setdefault("OMP_NUM_THREADS", "1")

if TYPE_CHECKING:
    from score.evaluation.benchmark import SpeedCfg


def make_parser() -> argparse.ArgumentParser:
    """Describes the command line; what it does not know are Hydra overrides."""
    parser = argparse.ArgumentParser(
        description="Measure speeds: bare engine, task, task under steering.",
        epilog="Hydra overrides such as physics=newton_mjwarp may follow.",
        allow_abbrev=False,
    )
    parser.add_argument("--suite", default="speed", help="what to measure: speed (default)")
    parser.add_argument("--task", default="SCORE-Insert-v0", help="gym id (default SCORE-Insert-v0)")
    parser.add_argument("--domain", default="sim", help="sim, or real: the stand-in for the robot (default sim)")
    parser.add_argument(
        "--base_policy", type=Path, metavar="DIR", help="base policy (default: the one the task ships with)"
    )
    parser.add_argument(
        "--num_envs", type=int, nargs="+", metavar="N", help="numbers of environments (default 1 16 64 256)"
    )
    parser.add_argument("--rounds", type=int, default=3, help="turns, whose medians are reported (default 3)")
    parser.add_argument("--seconds", type=float, default=5.0, help="least time of one measurement (default 5)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", help="torch device, e.g. cpu or cuda:0 (default: a GPU if there is one)")
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("logs/benchmark/speed.json"),
        metavar="FILE.json",
        help="report (default: %(default)s)",
    )
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Runs the command: the suite, or one of its workers."""
    from score.evaluation import loading
    from score.evaluation.benchmark import SPEED_ENVS, SpeedCfg
    from score.utils.errors import UserError, near_names

    parser = make_parser()
    args, unknown = parser.parse_known_args(arguments)
    overrides = loading.require_overrides(unknown, list(parser._option_string_actions))
    if args.suite != "speed":
        raise UserError(f"Unknown suite '{args.suite}'.{near_names(args.suite, ['speed'])} There is: speed.")
    if args.output.suffix != ".json":
        raise UserError(f"--output must name a .json file, got {args.output}.")
    envs = SPEED_ENVS if args.num_envs is None else tuple(args.num_envs)
    cfg = SpeedCfg(envs=envs, rounds=args.rounds, seconds=args.seconds)
    return run_worker(args, cfg, overrides) if args.worker else run_suite(args, cfg, overrides)


def run_suite(args: argparse.Namespace, cfg: SpeedCfg, overrides: list[str]) -> int:
    """Measures all numbers of environments, writes the report and prints its table."""
    from rich.console import Console

    from score.evaluation.benchmark import run_workers, speed_report, speed_table
    from score.evaluation.paired import write_report
    from score.evaluation.provenance import command_line, source_commit
    from score.simulation import task_kwargs
    from score.utils.files import require_writable

    task_kwargs(args.task, args.domain)
    require_writable(args.output.resolve().parent)
    counts = ", ".join(map(str, cfg.envs))
    least = len(cfg.envs) * (3 * cfg.rounds * cfg.seconds + 15) / 60
    print(f"Measures {counts} environments one after the other, at least {least:.0f} min; writes {args.output}")

    def command(num_envs: int, output: Path) -> list[str]:
        flags = ["--task", args.task, "--domain", args.domain, "--seed", str(args.seed), "--seconds", str(args.seconds)]
        flags += ["--rounds", str(args.rounds), "--num_envs", str(num_envs), "--worker", str(output)]
        flags += [] if args.device is None else ["--device", args.device]
        flags += [] if args.base_policy is None else ["--base_policy", str(args.base_policy)]
        return [sys.executable, __file__, *flags, *overrides]

    rows = run_workers(command, cfg, lambda text: print(f"  {text} ...", flush=True))
    facts = {"task": args.task, "domain": args.domain, "commit": source_commit(), "command": command_line()}
    report = speed_report(rows, cfg, **facts)
    write_report(report, args.output)
    Console(width=None if sys.stdout.isatty() else 140).print(speed_table(report))
    failed = [row for row in rows if "error" in row]
    for row in failed:
        print(f"{row['num_envs']} environments failed, {row['error']}", file=sys.stderr)
    print(f"Wrote {args.output}")
    return 1 if failed else 0


def run_worker(args: argparse.Namespace, cfg: SpeedCfg, overrides: list[str]) -> int:
    """Measures one number of environments and writes its row."""
    from score.evaluation import loading
    from score.evaluation.benchmark import engine_stepper, measure_speed, write_row
    from score.policies import require_match
    from score.simulation import open_task
    from score.steering.chunked_env import ChunkedVecEnv
    from score.steering.latent import LatentBasis

    bundle = args.base_policy or loading.shipped_base_policy(args.task)
    with open_task(
        args.task, domain=args.domain, num_envs=cfg.envs[0], seed=args.seed, device=args.device, overrides=overrides
    ) as task:
        base_policy, _ = loading.load_policies(bundle, None, task.device)
        require_match(base_policy.spec, task.spec)
        steering = task.agent_cfg.steering
        basis = LatentBasis(steering.basis, *base_policy.latent_shape, steering.knots, task.device)
        env = ChunkedVecEnv(task, base_policy, basis, chunk_steps=steering.chunk_steps, gamma=steering.gamma)
        row = measure_speed(env, engine_stepper(task.env), cfg, args.seed)
        write_row(row, args.worker, physics=task.engine, device=str(task.device))
    return 0


if __name__ == "__main__":
    from score.utils.cli import run_command

    raise SystemExit(run_command(main))
