# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Steering on Meta-World, from flawed experts to a paired evaluation, with the scripts of this project.

    python examples/metaworld/run.py --output metaworld

For each task: demonstrations, a base policy (pretrain.py), steering (train.py), and two evaluations with free arms
(evaluate.py): of the steering policy before its first update, and of the best. What is done is kept, and the same
command goes on.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

# Before torch loads: small networks are many times slower on several threads.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")

from score.cli.arguments import Command
from score.utils.cli import run_command

HERE = Path(__file__).resolve().parent


def parse_arguments(arguments: Sequence[str] | None = None) -> Any:
    """Read the command line."""
    import metaworld_tasks

    command = Command(__doc__)
    names = [name.split("-")[1] for name in metaworld_tasks.SCENES]
    add = command.add_argument
    add("--output", type=Path, default=Path("metaworld"), metavar="DIR", help="folder (default: metaworld)")
    add("--tasks", nargs="+", default=names, choices=names, help=f"default: {' '.join(names)}")
    add("--demonstrations", type=int, default=80, metavar="N", help="episodes of the experts (default: 80)")
    add("--updates", type=int, default=4000, metavar="N", help="of the base policy (default: 4000)")
    add("--iterations", type=int, default=40, metavar="N", help="of steering (default: 40)")
    add("--num_envs", type=int, default=8, metavar="N", help="environments; 2 s each to open (default: 8)")
    add("--episodes", type=int, default=200, metavar="N", help="paired starts (default: 200)")
    add("--search_episodes", type=int, default=256, metavar="N", help="budget of the constants (default: 256)")
    add("--seed", type=int, default=1, help="of demonstrations, base policy and steering (default: 1)")
    return command.parse_args(arguments)


def run_task(task: str, args: Any) -> dict[str, Any]:
    """Go through all steps of a task that are not done yet; return its row of the table."""
    from demonstrations import record

    from score.cli.comparisons import run_script

    name, seed = task.split("-")[1].lower(), str(args.seed)
    folder = Path(name)
    data, base, untrained, steered = (
        folder / part for part in ("demos.hdf5", "base", "untrained.json", "steered.json")
    )
    folder.mkdir(parents=True, exist_ok=True)
    if not data.is_file():
        rate = record(task, args.demonstrations, args.seed, data)
        print(f"{task}: {args.demonstrations} demonstrations, {rate:.0%} successful: {data}", flush=True)
    finished = folder / "base_is_finished"
    if not finished.exists():
        resume = ["--resume"] if (folder / "base_training" / "checkpoint.pt").is_file() else []
        run_script("pretrain.py", ["--dataset", str(data), "--output", str(base), "--task", task, "--absolute",
                                   "--observations", "hand", "object", "goal", "--no_past_actions",
                                   "--no_point_cloud", "--updates", str(args.updates), "--seed", seed,
                                   *resume])  # fmt: skip
        finished.touch()
    shared = ["--task", f"metaworld_tasks:{task}", "--base_policy", str(base), "--device", "cpu", "--processes", "1"]
    shared += ["--num_envs", str(args.num_envs)]
    last = last_checkpoint(name)
    if last is None or int(last.stem.removeprefix("model_")) < args.iterations:
        resume = [] if last is None else ["--checkpoint", str(last)]
        run_script("train.py", [*shared, "--seed", seed, "--max_iterations", str(args.iterations), *resume,
                                f"agent.experiment_name=metaworld_{name}"])  # fmt: skip
        last = last_checkpoint(name)
    assert last is not None
    of_all = [*shared, "--episodes", str(args.episodes), "--starts", "final", "--all_arms"]
    for report, model, search in ((untrained, "model_0.pt", "none"), (steered, "model_best.pt", "cem_zero")):
        if not report.is_file():
            run_script("evaluate.py", [*of_all, "--checkpoint", str(last.with_name(model)), "--search", search,
                                       "--search_episodes", str(args.search_episodes),
                                       "--output", str(report)])  # fmt: skip
    return row_of(json.loads(untrained.read_text()), json.loads(steered.read_text()))


def last_checkpoint(name: str) -> Path | None:
    """Newest checkpoint of a task's training; None before the first."""
    from score.cli.artefacts import LOG_ROOT
    from score.steering.checkpoint import iteration_of

    files = [file for file in (LOG_ROOT / f"metaworld_{name}").glob("*/model_*.pt") if iteration_of(file) >= 0]
    return max(files, key=iteration_of, default=None)


def row_of(untrained: Mapping[str, Any], steered: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is to be shown of a task.

    Args:
        untrained: Report of the steering policy before its first update, with sampled decisions.
        steered: Report of the trained one, on the same starts.

    Returns:
        ``base``, ``untrained`` (its sampled decisions), ``steered`` and ``free`` (arm -> success) successes, exact
        McNemar ``p`` of steered against base, ``starts_at_base`` (whether the untrained policy succeeds as often as the
        interval of the base policy says), and ``shown``: it does, and the steered one is better with p below 0.01.
    """
    from score.rollout.arms import FREE_ARMS

    arms = {arm: values["success"] for arm, values in steered["arms"].items()}
    base, sampled, p = arms["base"], untrained["arms"]["steered_sampled"]["success"], steered["paired"]["mcnemar_p"]
    low, high = base["wilson95"]
    starts_at_base = low <= sampled["rate"] <= high
    better = arms["steered"]["rate"] > base["rate"]
    return {
        "base": base,
        "untrained": sampled,
        "steered": arms["steered"],
        "free": {arm: success for arm, success in arms.items() if arm in FREE_ARMS},
        "p": p,
        "starts_at_base": starts_at_base,
        "shown": bool(starts_at_base and better and p < 0.01),
    }


def table_of(rows: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the rows as a table of Markdown."""
    lines = ["| task | base | untrained, sampled | steered | McNemar p | best free arm |", "|---|---|---|---|---|---|"]
    for task, row in rows.items():
        best = max(row["free"], key=lambda arm: row["free"][arm]["rate"])
        parts = [_share(row["base"]), _share(row["untrained"]), _share(row["steered"]), f"{row['p']:.1e}"]
        lines.append(f"| {' | '.join([task, *parts, f'{best} {_share(row["free"][best])}'])} |")
    return "\n".join(lines)


def _share(success: Mapping[str, Any]) -> str:
    rate, low, high = (100 * value for value in (success["rate"], *success["wilson95"]))
    return f"{rate:.1f} % ({low:.1f} to {high:.1f})"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    from score.utils.files import atomic_file
    from score.utils.provenance import source_commit

    args = parse_arguments(arguments)
    # The scripts import the tasks by name, and write their runs where they are started.
    given = [str(Path(part).resolve()) for part in os.environ.get("PYTHONPATH", "").split(os.pathsep) if part]
    os.environ["PYTHONPATH"] = os.pathsep.join([str(HERE), *given])
    args.output.mkdir(parents=True, exist_ok=True)
    os.chdir(args.output)
    rows = {}
    for task in args.tasks:
        rows[task] = run_task(f"MetaWorld-{task}-v0", args)
        with atomic_file(Path("table.json")) as temporary:
            facts = {"seed": args.seed, "commit": source_commit(), "rows": rows}
            temporary.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    print(table_of(rows))
    print(f"Wrote {args.output / 'table.json'}")
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
