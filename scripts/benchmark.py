# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Measures the speed tables of docs/notebook/insert.md.

    ./isaaclab.sh -p scripts/benchmark.py --suite speed --task SCORE-Insert-v0

Environment steps per second of the bare engine, of the task, and of the task under steering, with peak memory, for 1,
16, 64 and 256 environments, each in a process of its own.

    ./isaaclab.sh -p scripts/benchmark.py --suite scale --devices cpu cuda:0 --budget 480 --decisions 4

Control steps per second of engine, task, steering and training for 1 to 16,384 environments on both engines, and where
the time goes. Stops when the budget is used up; the same command with --resume goes on (docs/SCALE.md).

    ./isaaclab.sh -p scripts/benchmark.py --suite soak

Many steps of random latents and of random actions: does a number that is not finite reach the learner?

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
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

# Before torch loads: small networks are many times slower on several threads.
os.environ.setdefault("OMP_NUM_THREADS", "1")

try:
    from score.cli.arguments import Command
    from score.utils.cli import run_command
    from score.utils.errors import UserError, near_names
except ModuleNotFoundError as error:
    raise SystemExit(f"error: {error}: start this with ./isaaclab.sh -p {__file__} ...") from None
except KeyboardInterrupt:
    raise SystemExit(130) from None


def make_command() -> Command:
    """Describe the command line."""
    command = Command(__doc__)
    command.add_task(
        "SCORE-Insert-v0", num_envs="speed 1 16 64 256, scale 1 to 16384, soak 64, cloud 4096", several=True
    )
    command.add_base_policy()
    command.add_domain()
    add = command.add_argument
    add("--suite", default="speed", help=f"what to measure: {', '.join(SUITES)} (default: speed)")
    add("--steps", type=int, default=500_000, help="soak: environment steps of each mode (default: 500000)")
    add("--rounds", type=int, help="speed, scale: turns, whose medians are reported (default: 3, scale 1)")
    add("--physics", nargs="+", metavar="PRESET", help="scale: engines (default: ovphysx newton_mjwarp)")
    add("--devices", nargs="+", metavar="DEVICE", help="scale: torch devices (default: that of --device)")
    add("--decisions", type=int, help="scale: decisions of an iteration of training (default: the task's own)")
    add("--budget", type=float, metavar="SECONDS", help="scale: stop when they are used up, with what there is")
    add("--resume", action="store_true", help="scale: go on with the report of --output")
    add("--seconds", type=float, default=5.0, help="least time of one measurement (default: 5)")
    add("--output", type=Path, metavar="FILE.json", help="report (default: logs/benchmark/SUITE.json)")
    add("--objects", nargs="+", metavar="NAME", help="reconstruction: objects (default: all)")
    add("--keep", type=Path, metavar="DIR", help="reconstruction: folder in which to keep the scans")
    add("--worker", type=Path, help=argparse.SUPPRESS)
    return command


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the suite, or one of its workers."""
    args, overrides = make_command().parse(arguments)
    if args.suite not in SUITES:
        near = near_names(args.suite, SUITES)
        raise UserError(f"Unknown suite '{args.suite}'.{near} There are: {', '.join(SUITES)}.")
    args.output = args.output or Path("logs") / "benchmark" / f"{args.suite}.json"
    if args.output.suffix != ".json":
        raise UserError(f"--output must name a .json file, got {args.output}.")
    if overrides and args.suite not in OPENING:
        raise UserError(
            f"--suite {args.suite} opens no task, and has no settings to override: leave {overrides[0]} out."
        )
    return SUITES[args.suite](args, overrides)


def run_speed(args: argparse.Namespace, overrides: Sequence[str]) -> int:
    """Measure all numbers of environments, each by a worker; or one of them, as such a worker."""
    from score.benchmarks import speed
    from score.cli.artefacts import open_steered
    from score.cli.progress import print_whole

    cfg = speed.SpeedCfg(
        tuple(args.num_envs or speed.SPEED_ENVS), 3 if args.rounds is None else args.rounds, args.seconds
    )
    if args.worker:
        with open_steered(args, overrides, num_envs=cfg.envs[0]) as (task, env):
            row = speed.measure_speed(env, speed.engine_stepper(task.env), cfg, args.seed)
            speed.write_row(row, args.worker, physics=task.engine, device=str(task.device))
        return 0
    _require_task(args, overrides)
    counts = ", ".join(map(str, cfg.envs))
    _announce(args, f"Measures {counts} environments one after the other, at least {cfg.least_minutes:.0f} min")

    def command(num_envs: int, output: Path) -> list[str]:
        return _worker(args, overrides, num_envs=num_envs, worker=output)

    rows = speed.run_workers(command, cfg, lambda text: print(f"  {text} ...", flush=True))
    report = speed.speed_report(rows, cfg, task=args.task, domain=args.domain, **_facts())
    _write(args, report)
    print_whole(speed.speed_table(report))
    failed = [row for row in rows if "error" in row]
    for broken in failed:
        print(f"{broken['num_envs']} environments failed, {broken['error']}", file=sys.stderr)
    return 1 if failed else 0


def run_scale(args: argparse.Namespace, overrides: Sequence[str]) -> int:
    """Measure all cells, each by a worker; or one of them, as such a worker."""
    from score.benchmarks import scale, scale_report, speed, workers
    from score.cli.arguments import require_device
    from score.cli.artefacts import open_steered
    from score.cli.progress import print_whole
    from score.steering.checkpoint import save_json

    cfg = scale.ScaleCfg(
        tuple(args.num_envs or scale.SCALE_ENVS),
        tuple(args.physics or scale.SCALE_ENGINES),
        tuple(args.devices or [args.device or "cpu"]),
        1 if args.rounds is None else args.rounds,
        args.seconds,
        args.decisions,
        args.budget,
    )
    if args.worker:
        with open_steered(args, overrides, num_envs=cfg.envs[0]) as (task, env):
            stepper = speed.engine_stepper(task.env)
            scale.measure_scale(env, stepper, task.agent_cfg, cfg, lambda row: save_json(row, args.worker), args.seed)
        return 0
    _require_task(args, overrides)
    for device in cfg.devices:
        require_device(device)
    facts = {"task": args.task, "domain": args.domain, "seed": args.seed, "overrides": overrides, **_facts()}
    report = scale_report.scale_report(cfg, **facts)
    if args.resume:
        report = scale_report.resume_report(report, args.output)
    picture = args.output.with_suffix(".png")
    _announce(args, f"Measures {len(list(cfg.cells()))} cells one after the other; draws {picture}")

    def work(cell: scale.Cell, left: float | None) -> dict[str, Any]:
        words = [*overrides, f"physics={cell.physics}"]
        changes = {"num_envs": cell.num_envs, "device": cell.device}
        return workers.run_worker(lambda output: _worker(args, words, worker=output, **changes), left)

    scale.run_cells(cfg, work, report, args.output, lambda text: print(f"  {text} ...", flush=True))
    scale_report.save_scale_picture(report, picture)
    print(f"Wrote {args.output} and {picture}")
    print_whole(scale_report.scale_table(report))
    return 1 if any("error" in row for row in report["rows"]) else 0


def _worker(args: argparse.Namespace, overrides: Sequence[str], *, worker: Path, **changes: Any) -> list[str]:
    """Return the command of a worker that writes to a file: the flags of this process, but for what it measures."""
    given = ("suite", "task", "domain", "seed", "seconds", "rounds", "decisions", "device", "base_policy")
    flags = {name: getattr(args, name) for name in given} | changes | {"worker": worker}
    words = [str(word) for name, value in flags.items() if value is not None for word in (f"--{name}", value)]
    return [sys.executable, __file__, *words, *overrides]


def run_soak(args: argparse.Namespace, overrides: Sequence[str]) -> int:
    """Run both soaks in one environment; exit code 1 if a number that is not finite reached the learner."""
    from score.benchmarks.soak import soak_actions, soak_latents
    from score.cli.artefacts import open_steered
    from score.cli.progress import console_progress

    _require_task(args, overrides)
    num_envs = args.num_envs[0] if args.num_envs else 64
    _announce(args, f"Soaks {args.task} in '{args.domain}', {args.steps} environment steps a mode")
    with open_steered(args, overrides, num_envs=num_envs) as (task, env), console_progress() as progress:
        soaks = [
            soak(subject, args.steps, args.seed, lambda report: progress(report.mode, report.env_steps, args.steps))
            for soak, subject in ((soak_latents, env), (soak_actions, task))
        ]
        facts = {"task": args.task, "domain": args.domain, "physics": task.engine, "num_envs": num_envs}
    rows = {report.mode: asdict(report) for report in soaks}
    _write(args, {**facts, "seed": args.seed, **_facts(), "soak": rows})
    for report in soaks:
        print(report.summary())
    return 1 if any(report.nonfinite_reached for report in soaks) else 0


def run_reconstruction(args: argparse.Namespace, _: Sequence[str]) -> int:
    """Scan the project's own objects virtually, reconstruct them, and compare."""
    from score_assets.objects.ground_truth import GROUND_TRUTH

    names = args.objects or list(GROUND_TRUTH)
    for name in names:
        if name not in GROUND_TRUTH:
            near = near_names(name, GROUND_TRUTH) or f" There are: {', '.join(GROUND_TRUTH)}."
            raise UserError(f"--objects '{name}' is unknown.{near}")
    from score.benchmarks.truth import benchmark_truth, row_dict, truth_table

    _announce(args, f"Scans {', '.join(names)} virtually, seed {args.seed}")
    rows = benchmark_truth([GROUND_TRUTH[name] for name in names], seed=args.seed, keep=args.keep)
    return _conclude(args, [row_dict(row) for row in rows], truth_table(rows))


def run_seating(args: argparse.Namespace, _: Sequence[str]) -> int:
    """Drop pegs into sockets; exit code 1 if one did not seat."""
    import warp

    from score.benchmarks.seating import benchmark_seating, seating_table

    warp.config.log_level = warp.LOG_ERROR
    _announce(args, "Drops pegs into sockets on both engines")
    rows = benchmark_seating(seed=args.seed)
    _conclude(args, [asdict(row) for row in rows], seating_table(rows))
    return 0 if all(row.seated == row.drops for row in rows) else 1


def run_cloud(args: argparse.Namespace, _: Sequence[str]) -> int:
    """Time the cloud of one control step, for the largest number of environments that tasks are planned for."""
    from score.benchmarks.cloud import benchmark_cloud
    from score_tasks.kit.frames import points_from

    num_envs = args.num_envs[0] if args.num_envs else 4096
    _announce(args, f"Moves the points of {num_envs} environments")
    options = {"device": args.device, "seconds": args.seconds, "seed": args.seed}
    row = benchmark_cloud(points_from, num_envs=num_envs, **options)
    shown = ", ".join(
        f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}" for name, value in row.items()
    )
    return _conclude(args, [row], shown)


SUITES = {
    "speed": run_speed,
    "scale": run_scale,
    "soak": run_soak,
    "reconstruction": run_reconstruction,
    "seating": run_seating,
    "cloud": run_cloud,
}
OPENING = ("speed", "scale", "soak")
"""Suites that open the task."""


def _require_task(args: argparse.Namespace, overrides: Sequence[str]) -> None:
    """Refuse what is wrong with the task's flags before a worker is started."""
    from score.cli.artefacts import find_inputs

    args.checkpoint = None
    find_inputs(args, overrides)


def _announce(args: argparse.Namespace, what: str) -> None:
    from score.utils.files import require_file_place, require_writable
    from score.utils.settings_files import require_own_report

    require_file_place(args.output)
    require_own_report(args.output, ("commit", "soak" if args.suite == "soak" else "rows"), "this suite")
    require_writable(args.output.resolve().parent)
    print(f"{what}; writes {args.output}")


def _facts() -> dict[str, str]:
    from score.utils.provenance import command_line, source_commit

    return {"commit": source_commit(), "command": command_line()}


def _write(args: argparse.Namespace, report: Mapping[str, Any]) -> None:
    from score.evaluation import write_report

    write_report(report, args.output)
    print(f"Wrote {args.output}")


def _conclude(args: argparse.Namespace, rows: list[dict[str, Any]], shown: Any) -> int:
    """Write and print what a suite that opens no task has measured."""
    from score.cli.progress import print_whole

    _write(args, {"seed": args.seed, **_facts(), "rows": rows})
    print_whole(shown)
    return 0


if __name__ == "__main__":
    raise SystemExit(run_command(main))
