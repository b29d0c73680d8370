# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Measures the speed tables of docs/RESULTS.md.

    ./isaaclab.sh -p scripts/benchmark.py --suite speed --task SCORE-Insert-v0

Environment steps per second of the bare engine, of the task, and of the task under steering, with peak memory, for 1,
16, 64 and 256 environments, each in a process of its own.

    ./isaaclab.sh -p scripts/benchmark.py --suite reconstruction

Error of scans against truth: virtual scans of the project's own objects through ``reconstruct.py``, stage by stage.

    ./isaaclab.sh -p scripts/benchmark.py --suite seating

Pegs dropped into sockets of measured dimensions, both from virtual scans, on both engines.

    ./isaaclab.sh -p scripts/benchmark.py --suite cloud

Moving 512 points with the poses of 4096 environments: time of one control step, and memory.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

# Before torch loads: small networks are many times slower on several threads.
os.environ.setdefault("OMP_NUM_THREADS", "1")

if TYPE_CHECKING:
    from rich.table import Table

    from score.benchmarks.speed import SpeedCfg
    from score.simulation import SteerableEnv
    from score.steering.chunked_env import ChunkedVecEnv

SUITES = ("speed", "soak", "reconstruction", "seating", "cloud")


def make_parser() -> argparse.ArgumentParser:
    """Describes the command line; what it does not know are Hydra overrides."""
    parser = argparse.ArgumentParser(
        description="Measure speeds: bare engine, task, task under steering.",
        epilog="Hydra overrides such as physics=newton_mjwarp may follow.",
        allow_abbrev=False,
    )
    parser.add_argument("--suite", default="speed", help=f"what to measure: {', '.join(SUITES)} (default speed)")
    parser.add_argument(
        "--steps", type=int, default=500_000, help="soak: environment steps of each mode (default 500000)"
    )
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
        metavar="FILE.json",
        help="report (default: logs/benchmark/SUITE.json)",
    )
    parser.add_argument("--objects", nargs="+", metavar="NAME", help="reconstruction: objects (default: all)")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="reconstruction: folder in which to keep the scans")
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Runs the command: the suite, or one of its workers."""
    from score.benchmarks.speed import SPEED_ENVS, SpeedCfg
    from score.cli import artefacts
    from score.utils.errors import UserError, near_names

    parser = make_parser()
    args, unknown = parser.parse_known_args(arguments)
    overrides = artefacts.require_overrides(unknown, list(parser._option_string_actions))
    if args.suite not in SUITES:
        raise UserError(
            f"Unknown suite '{args.suite}'.{near_names(args.suite, SUITES)} There are: {', '.join(SUITES)}."
        )
    if args.output is None:
        args.output = Path("logs") / "benchmark" / f"{args.suite}.json"
    if args.output.suffix != ".json":
        raise UserError(f"--output must name a .json file, got {args.output}.")
    if args.suite == "reconstruction":
        return run_reconstruction(args)
    if args.suite == "seating":
        return run_seating(args)
    if args.suite == "cloud":
        return run_cloud(args)
    if args.suite == "soak":
        return run_soak(args, overrides)
    envs = SPEED_ENVS if args.num_envs is None else tuple(args.num_envs)
    cfg = SpeedCfg(envs=envs, rounds=args.rounds, seconds=args.seconds)
    return run_worker(args, cfg, overrides) if args.worker else run_suite(args, cfg, overrides)


def run_suite(args: argparse.Namespace, cfg: SpeedCfg, overrides: list[str]) -> int:
    """Measures all numbers of environments, writes the report and prints its table."""
    from rich.console import Console

    from score.benchmarks.speed import run_workers, speed_report, speed_table
    from score.evaluation.paired import write_report
    from score.simulation import task_kwargs
    from score.utils.files import require_writable
    from score.utils.provenance import command_line, source_commit

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


def run_reconstruction(args: argparse.Namespace) -> int:
    """Scans the project's own objects virtually, reconstructs them, writes the errors and prints them."""
    from score.benchmarks.truth import benchmark_truth, row_dict, truth_table
    from score.utils.errors import UserError, near_names
    from score.utils.files import require_writable
    from score_assets.objects.ground_truth import GROUND_TRUTH

    names = args.objects or list(GROUND_TRUTH)
    for name in names:
        if name not in GROUND_TRUTH:
            near = near_names(name, GROUND_TRUTH) or f" There are: {', '.join(GROUND_TRUTH)}."
            raise UserError(f"--objects '{name}' is unknown.{near}")
    require_writable(args.output.resolve().parent)
    print(f"Scans {', '.join(names)} virtually, seed {args.seed}; writes {args.output}")
    rows = benchmark_truth([GROUND_TRUTH[name] for name in names], seed=args.seed, keep=args.keep)
    write_rows(args, [row_dict(row) for row in rows], truth_table(rows))
    return 0


def run_seating(args: argparse.Namespace) -> int:
    """Drops pegs into sockets, writes the counts and prints them; exit code 1 if one did not seat."""
    from dataclasses import asdict

    import warp

    from score.benchmarks.seating import benchmark_seating, seating_table
    from score.utils.files import require_writable

    warp.config.log_level = warp.LOG_ERROR
    require_writable(args.output.resolve().parent)
    print(f"Drops pegs into sockets on both engines; writes {args.output}")
    rows = benchmark_seating(seed=args.seed)
    write_rows(args, [asdict(row) for row in rows], seating_table(rows))
    return 0 if all(row.seated == row.drops for row in rows) else 1


def run_cloud(args: argparse.Namespace) -> int:
    """Times the cloud of one control step, for the largest number of environments that tasks are planned for."""
    import psutil
    import torch
    from torch.utils.benchmark import Timer

    from isaaclab.utils.math import matrix_from_quat

    from score.utils.files import require_writable
    from score_tasks.kit.frames import points_from

    require_writable(args.output.resolve().parent)
    device = args.device or ("cuda:0" if torch.cuda.is_available() else "cpu")
    num_envs, num_points, threads = 4096 if args.num_envs is None else args.num_envs[0], 512, os.cpu_count() or 1
    generator = torch.Generator().manual_seed(args.seed)
    points = torch.randn(num_points, 3, generator=generator).to(device)
    pos = torch.randn(num_envs, 3, generator=generator).to(device)
    quat = torch.nn.functional.normalize(torch.randn(num_envs, 4, generator=generator), dim=-1).to(device)
    before = psutil.Process().memory_info().rss
    names = {
        "points_from": points_from,
        "points": points.expand(num_envs, -1, -1),
        "pos": pos,
        "rot": matrix_from_quat(quat),
    }
    timer = Timer("points_from((pos, rot), points)", globals=names, num_threads=threads)
    measured = timer.blocked_autorange(min_run_time=args.seconds)
    row = {
        "num_envs": num_envs,
        "num_points": num_points,
        "device": device,
        "threads": threads,
        "median_ms": measured.median * 1e3,
        "iqr_ms": measured.iqr * 1e3,
        "cloud_mib": 12 * num_envs * num_points / 2**20,
        "process_grew_mib": (psutil.Process().memory_info().rss - before) / 2**20,
    }
    text = (
        f"{num_envs} environments x {num_points} points, {device}, {threads} threads: {row['median_ms']:.1f} ms a"
        f" control step (IQR {row['iqr_ms']:.1f}); cloud {row['cloud_mib']:.0f} MiB, process grew by"
        f" {row['process_grew_mib']:.0f} MiB"
    )
    write_rows(args, [row], text)
    return 0


def write_rows(args: argparse.Namespace, rows: list[dict[str, Any]], shown: Table | str) -> None:
    """Writes the report of a suite that opens no task, and prints its table."""
    from rich.console import Console

    from score.evaluation.paired import write_report
    from score.utils.provenance import command_line, source_commit

    facts = {"seed": args.seed, "commit": source_commit(), "command": command_line()}
    write_report({**facts, "rows": rows}, args.output)
    Console(width=None if sys.stdout.isatty() else 140, highlight=False).print(shown)
    print(f"Wrote {args.output}")


def run_soak(args: argparse.Namespace, overrides: list[str]) -> int:
    """Runs both soaks in one environment, writes the report and prints it; exit code 1 if a number was not finite."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    from score.benchmarks.soak import SOAK_MODES, SoakReport, soak_actions, soak_latents
    from score.evaluation.paired import write_report
    from score.simulation import open_task
    from score.utils.files import require_writable
    from score.utils.provenance import command_line, source_commit

    require_writable(args.output.resolve().parent)
    num_envs = 64 if args.num_envs is None else args.num_envs[0]
    print(f"Soaks {args.task} in '{args.domain}', {args.steps} environment steps a mode; writes {args.output}")
    with open_task(
        args.task, domain=args.domain, num_envs=num_envs, seed=args.seed, device=args.device, overrides=overrides
    ) as task:
        env = _chunked_env(args, task)
        columns = (
            TextColumn("{task.description:>8}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*columns) as bars:
            jobs = {mode: bars.add_task(mode, total=args.steps) for mode in SOAK_MODES}

            def progress(report: SoakReport) -> None:
                bars.update(jobs[report.mode], completed=report.env_steps)

            reports = [
                soak_latents(env, args.steps, args.seed, progress),
                soak_actions(task, args.steps, args.seed, progress),
            ]
        facts = {
            "task": args.task,
            "domain": args.domain,
            "physics": task.engine,
            "num_envs": num_envs,
            "seed": args.seed,
        }
    rows = {report.mode: report.as_dict() for report in reports}
    write_report({**facts, "commit": source_commit(), "command": command_line(), "soak": rows}, args.output)
    for report in reports:
        print(
            f"{report.mode}: {report.env_steps} environment steps, {report.episodes} episodes, guard resets"
            f" {report.guard_resets}, not finite: caught {report.nonfinite_caught}, reached the learner"
            f" {report.nonfinite_reached}, {report.env_steps / report.seconds:.0f} steps/s"
        )
    print(f"Wrote {args.output}")
    return 1 if any(report.nonfinite_reached for report in reports) else 0


def run_worker(args: argparse.Namespace, cfg: SpeedCfg, overrides: list[str]) -> int:
    """Measures one number of environments and writes its row."""
    from score.benchmarks.speed import engine_stepper, measure_speed, write_row
    from score.simulation import open_task

    with open_task(
        args.task, domain=args.domain, num_envs=cfg.envs[0], seed=args.seed, device=args.device, overrides=overrides
    ) as task:
        env = _chunked_env(args, task)
        row = measure_speed(env, engine_stepper(task.env), cfg, args.seed)
        write_row(row, args.worker, physics=task.engine, device=str(task.device))
    return 0


def _chunked_env(args: argparse.Namespace, task: SteerableEnv) -> ChunkedVecEnv:
    """Puts the task under the steering of its own settings."""
    from score.cli import artefacts
    from score.policies import require_match
    from score.steering.chunked_env import ChunkedVecEnv
    from score.steering.methods import make_plan

    bundle = args.base_policy or artefacts.shipped_base_policy(args.task)
    base_policy, _ = artefacts.load_policies(bundle, None, task.device)
    require_match(base_policy.spec, task.spec)
    steering = task.agent_cfg.steering
    plan = make_plan(base_policy, vars(steering)).to(task.device)
    return ChunkedVecEnv(task, plan, chunk_steps=steering.chunk_steps, gamma=steering.gamma)


if __name__ == "__main__":
    from score.utils.cli import run_command

    raise SystemExit(run_command(main))
