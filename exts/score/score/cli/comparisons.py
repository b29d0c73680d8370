# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""What ``compare.py`` does: train.py and evaluate.py for every method, seed and domain.

Each is a process of its own, as a simulator opens one engine in a process. What is done is read from the files, and not
repeated.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import itertools
import json
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from score.utils.errors import UserError
from score.utils.files import atomic_file, require_writable
from score.utils.settings_files import read_json

_CHECKOUT = Path(__file__).resolve().parents[4] / "scripts"


def _scripts() -> Path:
    """Where train.py and evaluate.py lie: those of this very checkout, whatever is installed, or those of the wheel."""
    installed = importlib.util.find_spec("score_scripts")
    if (_CHECKOUT / "train.py").is_file() or installed is None or installed.origin is None:
        return _CHECKOUT
    return Path(installed.origin).parent


SETTINGS_FILE, REPORT_FILE, PICTURE_FILE = "settings.json", "comparison.json", "comparison.png"


@dataclass(frozen=True)
class Comparison:
    """What is compared, and where it goes."""

    args: argparse.Namespace
    """Flags of ``compare.py``."""
    overrides: list[str]
    """Hydra overrides for every command."""
    methods: dict[str, int]
    """Method -> iterations that its budget makes."""
    seeds: list[int]
    """Seeds of training."""
    domains: list[str]
    """Domains of evaluation."""

    @property
    def folder(self) -> Path:
        """Folder of the reports."""
        return self.args.output

    @property
    def experiment(self) -> str:
        """Folder of the training runs below ``logs/rsl_rl``; no other comparison has it."""
        return f"compare_{hashlib.sha256(str(self.folder.resolve()).encode()).hexdigest()[:12]}"

    def settings(self) -> dict[str, Any]:
        """All that results depend on."""
        names = ("task", "budget", "episodes", "starts", "seed", "num_envs", "search", "search_episodes", "tries")
        return {name: getattr(self.args, name) for name in names} | {
            "base_policy": str(self.args.base_policy or ""),
            "overrides": self.overrides,
        }


def plan_comparison(args: argparse.Namespace, overrides: Sequence[str]) -> Comparison:
    """Read the flags, and refuse what can be refused before hours of training.

    Raises:
        UserError: A flag, method, seed, domain or override does not fit, or the folder holds something else.
    """
    from score.cli.artefacts import find_inputs
    from score.evaluation import EvaluationCfg
    from score.evaluation.constant_search import parse_searches
    from score.open_task import task_kwargs

    domains = _words(args.domains, "--domains")
    for domain in domains:
        task_kwargs(args.task, domain)
    if len(domains) > 2:
        raise UserError(f"--domains {args.domains}: give sim, real, or both.")
    seeds = [_seed(word) for word in _words(args.seeds, "--seeds")]
    searches = parse_searches(args.search)
    EvaluationCfg(args.task, episodes=args.episodes, starts=args.starts, searches=searches, tries=args.tries,
                  search_episodes=args.search_episodes)  # fmt: skip
    args.checkpoint = None
    bundle, _ = find_inputs(args, overrides)
    methods = {name: iterations_of(args, overrides, name, bundle) for name in _words(args.methods, "--methods")}
    comparison = Comparison(args, list(overrides), methods, seeds, domains)
    # Methods, seeds and domains may be added.
    keep_settings(comparison.folder, comparison.settings(), "a comparison")
    return comparison


def iterations_of(args: argparse.Namespace, overrides: Sequence[str], method: str, bundle: Path) -> int:
    """Return the iterations of a method that its budget makes, with the settings that it is trained with.

    Raises:
        UserError: There is no such method, a setting does not fit, or the budget is less than one iteration.
    """
    from score.cli.trainings import require_trainable
    from score.open_task import agent_settings, default_num_envs
    from score.steering.config import use_method

    cfg = agent_settings(args.task, overrides)
    use_method(cfg, method, overrides)
    num_envs = args.num_envs or default_num_envs(args.task, overrides)
    require_trainable(cfg, bundle, num_envs)
    steps = num_envs * cfg.num_steps_per_env * cfg.steering.chunk_steps
    if args.budget < steps:
        raise UserError(f"--budget {args.budget}: an iteration of {method} is up to {steps} control steps; give more.")
    return args.budget // steps


def run_script(script: str, words: Sequence[str]) -> None:
    """Run a script of this project in a process of its own.

    Raises:
        UserError: It failed; its own message is above.
        KeyboardInterrupt: Ctrl-C, after the script has saved what it could.
    """
    # In a session of its own, so that Ctrl-C reaches it once, from here.
    process = subprocess.Popen([sys.executable, str(_scripts() / script), *words], start_new_session=True)
    try:
        code = process.wait()
    except KeyboardInterrupt:
        process.send_signal(signal.SIGTERM)
        process.wait()
        raise KeyboardInterrupt(f"{script} has saved what it could, and the same command goes on from there") from None
    if code != 0:
        raise UserError(
            f"{script} {' '.join(words)} ended with exit code {code}, as it says above; what is done is kept, and the"
            " same command goes on."
        )


def run_comparison(
    comparison: Comparison,
    say: Callable[[str], None] = print,
    run: Callable[[str, Sequence[str]], None] = run_script,
) -> dict[str, Any]:
    """Train and evaluate what is not done yet, and write the comparison.

    Args:
        comparison: What is compared.
        say: Takes lines for the console.
        run: Runs a script with its arguments, and raises if it fails.

    Returns:
        What :func:`score.evaluation.comparison.compare_methods` makes, with what was compared.

    Raises:
        UserError: Reports do not belong together; and what ``run`` raises.
    """
    from score.evaluation.comparison import Cell, compare_methods
    from score.evaluation.comparison_report import save_comparison_picture
    from score.evaluation.schema import read_report
    from score.evaluation.summary import write_report
    from score.utils.provenance import command_line, source_commit

    steps, args = _Steps(comparison, say, run), comparison.args
    free = {}
    for domain in comparison.domains:
        report = comparison.folder / f"free_{domain}.json"
        flags = ["--all_arms", "--search", args.search, "--search_episodes", str(args.search_episodes)]
        flags += ["--checkpoint", "none", "--tries", str(args.tries)]
        steps.evaluate(f"free arms in {domain}", report, domain, flags)
        free[domain] = read_report(report)
    cells = []
    for seed, method in itertools.product(comparison.seeds, comparison.methods):
        checkpoint = steps.train(method, seed)
        for domain in comparison.domains:
            report = comparison.folder / f"{method}_seed{seed}_{domain}.json"
            name = f"{method}, seed {seed}, in {domain}"
            steps.evaluate(name, report, domain, ["--checkpoint", str(checkpoint)])
            env_steps = int(read_json(checkpoint.with_suffix(".json"))["env_steps"])
            cells.append(Cell(method, seed, env_steps, read_report(report)))
    facts = comparison.settings() | {"seeds": comparison.seeds, "iterations": comparison.methods}
    found = facts | compare_methods(cells, free) | {"commit": source_commit(), "command": command_line()}
    write_report(found, comparison.folder / REPORT_FILE)
    save_comparison_picture(found, comparison.folder / PICTURE_FILE)
    return found


class _Steps:
    """The commands of a comparison, counted."""

    def __init__(
        self, comparison: Comparison, say: Callable[[str], None], run: Callable[[str, Sequence[str]], None]
    ) -> None:
        self._comparison, self._say, self._run_script = comparison, say, run
        runs = len(comparison.seeds) * len(comparison.methods)
        self._total = len(comparison.domains) * (runs + 1) + runs
        self._number = 0

    def train(self, method: str, seed: int) -> Path:
        """Train a run to its end, from where an interruption left it; return its best checkpoint."""
        from score.cli.artefacts import LOG_ROOT
        from score.steering.checkpoint import BEST_NAME, iteration_of, load_checkpoint

        iterations, name = self._comparison.methods[method], f"{method}_seed{seed}"
        experiment = self._comparison.experiment

        def saved() -> Path | None:
            # A run's folder is <date>_<time>_<name>; the name of a method may end in that of another.
            files = [
                file
                for file in (LOG_ROOT / experiment).glob(f"*_{name}/model_*.pt")
                if file.parent.name.split("_", 2)[2] == name and iteration_of(file) >= 0
            ]
            return max(files, key=iteration_of, default=None)

        last = saved()
        done = last is not None and iteration_of(last) >= iterations
        if last is not None and done:  # a stop in the last evaluation leaves a checkpoint without it, and an older best
            score = load_checkpoint(last)["score"]["last"]
            done = score is not None and score["iteration"] >= iteration_of(last)
        if self._announce(f"train {method}, seed {seed}, {iterations} iterations", done):
            flags = ["--method", method, "--seed", str(seed), "--max_iterations", str(iterations), "--run_name", name]
            resume = [] if last is None else ["--checkpoint", str(last)]
            self._run("train.py", [*flags, *resume], [f"agent.experiment_name={experiment}"])
            last = saved()
        assert last is not None
        return last.with_name(BEST_NAME)

    def evaluate(self, name: str, report: Path, domain: str, flags: Sequence[str]) -> None:
        """Evaluate, if there is no report."""
        from score.open_task import senses_contact

        if self._announce(f"evaluate {name}", report.exists()):
            args = self._comparison.args
            of_all = ["--domain", domain, "--episodes", str(args.episodes), "--starts", args.starts]
            of_all += ["--seed", str(args.seed), *(["--contact_forces"] if senses_contact(args.task, domain) else [])]
            of_all += ["--base_results", str(self._comparison.folder / f"base_{domain}.jsonl")]
            self._run("evaluate.py", [*of_all, *flags, "--output", str(report)])

    def _announce(self, what: str, done: bool) -> bool:
        self._number += 1
        self._say(f"[{self._number}/{self._total}] {what}{': done before' if done else ''}")
        return not done

    def _run(self, script: str, flags: Sequence[str], overrides: Sequence[str] = ()) -> None:
        args = self._comparison.args
        given = [("--device", args.device), ("--processes", args.processes), ("--base_policy", args.base_policy)]
        given += [("--num_envs", args.num_envs)] if script == "train.py" else []
        shared = [word for flag, value in given if value is not None for word in (flag, str(value))]
        words = ["--task", args.task, *flags, *shared, *self._comparison.overrides, *overrides]
        self._run_script(script, words)


def keep_settings(folder: Path, present: dict[str, Any], what: str) -> None:
    """Keep settings beside the reports that depend on them, and refuse to go on with others.

    Args:
        folder: Folder of the reports; made if it is missing.
        present: The settings, plain JSON values.
        what: What the folder is for, such as ``a comparison``.

    Raises:
        UserError: The folder holds something else, or was made with other settings.
    """
    if folder.is_dir() and any(folder.iterdir()) and not (folder / SETTINGS_FILE).is_file():
        raise UserError(f"--output {folder} holds something else: give a new folder.")
    require_writable(folder)
    path = folder / SETTINGS_FILE
    if path.is_file():
        found = read_json(path)
        before = found if isinstance(found, dict) else {}
        changed = [f"{key} was {before.get(key)!r}, now {value!r}" for key, value in present.items()
                   if before.get(key) != value]  # fmt: skip
        if changed:
            raise UserError(
                f"{folder} holds {what} with other settings ({'; '.join(changed)}): repeat those to go on, or"
                " give another --output."
            )
        return
    with atomic_file(path) as temporary:
        temporary.write_text(json.dumps(present, indent=2) + "\n", encoding="utf-8")


def _words(text: str, flag: str) -> list[str]:
    words = [word for word in text.split(",") if word]
    if not words or len(set(words)) < len(words):
        raise UserError(f"{flag} {text!r}: give one or more, joined by commas, none twice.")
    return words


def _seed(word: str) -> int:
    if not word.isdigit() or int(word) >= 2**31:
        raise UserError(f"--seeds: {word!r} is not a seed: give whole numbers from 0 to {2**31 - 1}, joined by commas.")
    return int(word)
