# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""rsl_rl's logger for a run in several segments: one event file, totals that survive, one line per iteration."""

from __future__ import annotations

import collections
import contextlib
import datetime
import io
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from rsl_rl.utils.log_writer import LogWriter
from rsl_rl.utils.logger import Logger

from score.utils import ranks

from .diagnostics import IterationTimes, RolloutSummary


class TensorboardWriter(LogWriter):
    """Writes TensorBoard events; a resumed run supersedes what an interrupted one had written further on."""

    def __init__(self, log_dir: str, purge_step: int | None = None) -> None:
        """Open an event file.

        Args:
            log_dir: Folder of the run.
            purge_step: First iteration of a resumed run: TensorBoard hides earlier events from there on.
        """
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(log_dir=log_dir, purge_step=purge_step, flush_secs=10)

    def add_scalar(self, tag: str, scalar_value: float, global_step: int) -> None:
        """Log a scalar. rsl_rl's curves over seconds are left out: purging knows iterations only."""
        if not tag.endswith("/time"):
            self._writer.add_scalar(tag, scalar_value, global_step)

    def stop(self) -> None:
        """Close the event file."""
        self._writer.close()


class SilentWriter(LogWriter):
    """Writes nothing: that of all but the first of several processes, which count and evaluate like the first."""

    def add_scalar(self, tag: str, scalar_value: float, global_step: int) -> None:
        """Do nothing."""


@dataclass(frozen=True)
class EvaluationScore:
    """Result of the evaluation on fixed starts, with the mean latent."""

    iteration: int
    """Iterations done."""

    successes: int
    """Episodes that succeeded."""

    episodes: int
    """Episodes, the first of each environment and reset."""

    mean_steps: float
    """Control steps of all episodes, mean; a failed one counts what it lasted."""

    highest: float = 0.0
    """Of the best of a run: the highest rate of those that were best before it."""

    @property
    def rate(self) -> float:
        """Fraction of episodes that succeeded."""
        return self.successes / self.episodes

    def better_than(self, best: EvaluationScore) -> bool:
        """Whether this one, which is later, marks a better checkpoint than the best before.

        It does with more successes than any before; and as the quicker one, if it has as many but for one standard
        error (of the highest rate, with a success and a failure added so that none is certain): so few episodes do not
        tell such rates apart, and training went on in between.
        """
        highest = max(best.rate, best.highest)
        error = math.sqrt(_smoothed(highest * self.episodes, self.episodes)[1])
        return self.rate > highest or (self.rate >= highest - error and self.mean_steps < best.mean_steps)

    def after(self, best: EvaluationScore | None) -> EvaluationScore:
        """Return this one as the new best, which remembers the highest rate before it."""
        return self if best is None else replace(self, highest=max(best.rate, best.highest))


def _smoothed(successes: float, episodes: int) -> tuple[float, float]:
    """Return a rate and its variance, with a success and a failure added so that none is certain."""
    share = (successes + 1) / (episodes + 2)
    return share, share * (1 - share) / (episodes + 2)


class SteeringLogger(Logger):
    """rsl_rl's logger, quiet, and open for as long as the run lasts.

    rsl_rl opens and closes its logger in each call of ``learn``; a steering run calls it once per segment.
    """

    writer: Any
    """Where scalars go; None without a folder."""

    on_iteration: Callable[[int, IterationTimes], None] | None = None
    """Called after each iteration, with its number."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Take what :class:`rsl_rl.utils.logger.Logger` takes."""
        super().__init__(*args, **kwargs)
        # Those of an iteration are appended, and :meth:`log` keeps the last of all processes.
        self._kept = self.rewbuffer.maxlen or 100
        self._known = 0
        self.rewbuffer: collections.deque[float] = collections.deque()
        self.lenbuffer: collections.deque[float] = collections.deque()

    def init_logging_writer(self) -> None:
        """Open the writer once."""
        if self.writer is None and self.disable_logs and self.log_dir is not None:
            self.writer = SilentWriter()
        elif self.writer is None:
            with contextlib.redirect_stdout(io.StringIO()):  # what it finds about git repositories
                super().init_logging_writer()

    def stop_logging_writer(self) -> None:
        """Do nothing, as the next segment goes on writing; see :meth:`close`."""

    def close(self) -> None:
        """Close the writer at the end of the run."""
        super().stop_logging_writer()
        self.writer = None

    def log(self, it: int, *args: Any, **kwargs: Any) -> None:
        """Write rsl_rl's scalars without its banner, then call :attr:`on_iteration`."""
        self._share_episodes()
        with contextlib.redirect_stdout(io.StringIO()):
            super().log(it, *args, **kwargs)
        if self.on_iteration is not None:
            self.on_iteration(it, IterationTimes(kwargs["collect_time"], kwargs["learn_time"]))

    def add_scalars(self, values: dict[str, float], iteration: int) -> None:
        """Log scalars by their tags; numbers that are not known (NaN) are left out."""
        if self.writer is not None:
            for tag, value in values.items():
                if not math.isnan(value):
                    self.writer.add_scalar(tag, value, iteration)

    def start_episodes(self) -> None:
        """Forget the unfinished episodes, as all environments were reset."""
        self.cur_reward_sum.zero_()
        self.cur_episode_length.zero_()

    def _share_episodes(self) -> None:
        """Add the episodes that ended in this iteration in all processes, in their order, to those before."""
        for buffer in (self.rewbuffer, self.lenbuffer):
            values = list(buffer)
            ended = [value for part in ranks.gather(values[self._known :]) for value in part]
            buffer.clear()
            buffer.extend([*values[: self._known], *ended][-self._kept :])
        self._known = len(self.rewbuffer)

    def state(self) -> dict[str, Any]:
        """Return what the curves of a resumed run depend on, as plain values."""
        return {
            "steps": self.tot_timesteps,
            "seconds": self.tot_time,
            "rewards": list(self.rewbuffer),
            "lengths": list(self.lenbuffer),
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`state` returned."""
        self.tot_timesteps = state["steps"]
        self.tot_time = state["seconds"]
        self.rewbuffer.extend(state["rewards"])
        self.lenbuffer.extend(state["lengths"])
        self._known = len(self.rewbuffer)


def iteration_line(
    iteration: int,
    target: int,
    summary: RolloutSummary,
    support: dict[str, float],
    times: IterationTimes,
    env_steps: int,
    steps: int,
    seconds_left: float,
) -> str:
    """Return the console's line of one iteration.

    Args:
        iteration: Number of the iteration, from 1.
        target: Number of the last one.
        summary: Its outcomes.
        support: Its :func:`~score.steering.diagnostics.latent_support`.
        times: Its wall time.
        env_steps: Control steps of the whole run so far.
        steps: Control steps of this iteration.
        seconds_left: Estimate for the rest of the run.
    """
    rate = f"{100 * summary.success_rate:3.0f} %" if summary.episodes else "  - %"
    warnings = f" | guard resets {summary.guard_resets}" if summary.guard_resets else ""
    warnings += f" | not finite {summary.nonfinite}" if summary.nonfinite else ""
    return (
        f"{iteration:4d}/{target} | success {rate} of {summary.episodes:3d} | KL {support['kl']:6.2f}"
        f" | std {support['std']:.2f} | {env_steps:9,d} env steps, {steps / times.total:5.0f}/s"
        f" (physics {summary.physics_seconds:.1f} s, base policy {summary.policy_seconds:.1f} s,"
        f" learner {times.learn:.1f} s) | {datetime.timedelta(seconds=round(seconds_left))} left{warnings}"
    )


def sampled_line(mean: EvaluationScore, successes: int, episodes: int) -> str:
    """Return what to say where sampled codes succeed clearly more often than their mean; empty where they do not.

    Args:
        mean: Latest evaluation of the mean latent.
        successes: Episodes with sampled codes that succeeded.
        episodes: All of them.
    """
    (often, variance), (seldom, other) = _smoothed(successes, episodes), _smoothed(mean.successes, mean.episodes)
    if often - seldom < 3.0 * math.sqrt(variance + other):  # clearly: by three standard errors
        return ""
    return (
        f"Sampled latents succeeded in {100 * successes / episodes:.0f} % of {episodes} episodes of training, the mean"
        f" latent in {100 * mean.rate:.0f} % of {mean.episodes}: train on, or sample on the robot as well (arm"
        " steered_sampled of evaluate.py --all_arms; export.py --sampled)."
    )


def evaluation_line(target: int, score: EvaluationScore, best: EvaluationScore, file: str) -> str:
    """Return the console's line of an evaluation.

    Args:
        target: Number of the last iteration.
        score: Result of the evaluation.
        best: Best result so far, this one included.
        file: Checkpoint that was written.
    """
    mark = "best so far" if best is score else f"best {100 * best.rate:.0f} % at {best.iteration}"
    return (
        f"{score.iteration:4d}/{target} | mean latent on fixed starts: success {100 * score.rate:3.0f} % of"
        f" {score.episodes}, {score.mean_steps:.0f} steps ({mark}) | wrote {file}"
    )
