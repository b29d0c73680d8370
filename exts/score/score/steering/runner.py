# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""rsl_rl's runner for steering: runs that go on where they stood, evaluations on fixed starts, atomic checkpoints.

A run is cut into segments of ``save_interval`` iterations. rsl_rl's own ``learn`` runs each of them. At the end of
one, the mean latent is evaluated, a checkpoint is written, and all environments are reset with a seed that depends on
the run's seed and the iteration alone. So a resumed run starts where the uninterrupted one stood, although a
simulator's state cannot be saved: to the last bit, where the engine keeps nothing over a reset, as PhysX does. Starts
of training, of its evaluation and of reports come from blocks of seeds that never meet
(:class:`score.rollout.seeds.SeedSpace`).

Of several processes (:mod:`score.utils.ranks`) each steps its own environments, with starts and noise of its own, and
evaluates its share of the fixed starts. Gradients are averaged, totals summed, and the first one writes. Every segment
begins with random states that seed, iteration and process alone decide: a checkpoint holds for any number of processes.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import io
import signal
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from rsl_rl.runners import OnPolicyRunner

from score.rollout.seeds import SeedSpace, Stream, derive_seed, seed_of
from score.utils import ranks
from score.utils.errors import ProcessLost
from score.utils.random import random_state, seed_everything, set_random_state

from .checkpoint import BEST_NAME, FORMAT, load_checkpoint, require_same, save_checkpoint, save_json
from .checkpoint_checks import refuse_unsound, require_resumable
from .chunked_env import ChunkedVecEnv
from .config import SteeringRunnerCfg, learning_rate, to_rsl_rl_dict
from .config_checks import validate_runner_cfg
from .diagnostics import IterationTimes, iteration_scalars, latent_support
from .familiarity import Familiarity, familiarity_state, load_familiarity
from .fixed_starts import evaluate_on_fixed_starts
from .penalties import Penalties
from .policy import run_identity
from .ppo import SemiMarkovPPO
from .run_log import EvaluationScore, SteeringLogger, evaluation_line, iteration_line


class SteeringRunner(OnPolicyRunner):
    """Trains a steering policy.

    Attributes:
        completed: Iterations done. ``model_<i>.pt`` is the state after i of them.
        best: Best evaluation so far.
        last: Latest evaluation.
        sampled: Successes and episodes of the latest segment, with sampled codes.
    """

    env: ChunkedVecEnv
    alg: SemiMarkovPPO
    logger: SteeringLogger

    def __init__(
        self,
        env: ChunkedVecEnv,
        cfg: SteeringRunnerCfg,
        log_dir: Path | str | None,
        base_policy_sha256: str,
        report: Callable[[str], None] = print,
        anchor: torch.Tensor | None = None,
    ) -> None:
        """Build networks, optimiser and logger.

        Args:
            env: The environment; it is reset.
            cfg: Settings.
            log_dir: Folder of the run; None keeps no log and no checkpoint, and does not evaluate.
            base_policy_sha256: Hash of the base policy's weights.
            report: Takes the lines for the console.
            anchor: Features that the actor sees at demonstrated observations, (M, F), for ``anchor_weight``.

        Raises:
            UserError: A setting does not fit.
        """
        validate_runner_cfg(cfg, env.num_envs, env.plan.horizon)
        self.completed = 0
        self.best: EvaluationScore | None = None
        self.last: EvaluationScore | None = None
        self.sampled = (0, 0)
        self._familiarity: Familiarity | None = None
        self.interval = cfg.save_interval
        self._seed = cfg.seed
        self._rate = functools.partial(learning_rate, cfg) if cfg.algorithm.schedule == "fixed" else None
        self._steering = cfg.steering
        self._report = report
        self._target, self._first, self._clock = 0, 0, 0.0
        values = to_rsl_rl_dict(cfg)
        values["save_interval"] = 2**62  # the end of a segment is what saves
        if values["logger"] == "tensorboard":
            values["logger"] = {"class_name": "score.steering.run_log:TensorboardWriter"}
        env.reset(seed=self._segment_seed(0))
        torch.manual_seed(cfg.seed)
        with contextlib.redirect_stdout(io.StringIO()):  # both networks, line by line
            super().__init__(env, values, None if log_dir is None else str(log_dir), str(env.device))
        self.logger = self._make_logger()
        self.alg.set_penalties(Penalties(env.plan, *cfg.steering.penalty_weights, anchor))
        self.identity = run_identity(env, cfg, base_policy_sha256)
        self._snapshot = copy.deepcopy(self.state())

    def learn(self, num_learning_iterations: int, init_at_random_ep_len: bool = False) -> None:
        """Train for a number of further iterations.

        Ctrl-C, and the loss of another process, keep the state after the last whole iteration, and are raised again
        with a word on where.

        Args:
            num_learning_iterations: Iterations to add to :attr:`completed`; 0 makes an evaluation that is missing.
            init_at_random_ep_len: Must be False.

        Raises:
            KeyboardInterrupt: Ctrl-C; the message names the checkpoint.
            ProcessLost: Another process has ended; the message names the checkpoint.
            UserError: A checkpoint cannot be written.
        """
        assert not init_at_random_ep_len, "random episode lengths break time limits"
        self._target = self.completed + num_learning_iterations
        self._first, self._clock = self.completed, time.perf_counter()
        self.logger.init_logging_writer()
        if ranks.count() > 1:
            self.alg.broadcast_parameters()
        try:
            if not self.evaluated and (self.completed % self.interval == 0 or self.completed == self._target):
                self.save(str(self._checkpoint_path()))
            while self.completed < self._target:
                self._start_segment()
                end = min(self._target, (self.completed // self.interval + 1) * self.interval)
                self.current_learning_iteration = self.completed + 1  # rsl_rl counts from here, and logs under it
                super().learn(end - self.completed)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(self._save_snapshot()) from None
        except RuntimeError as error:
            if not ranks.is_loss(error):
                raise
            signal.signal(signal.SIGTERM, signal.SIG_IGN)  # by which the launcher ends the others: let this one save
            raise ProcessLost(self._save_snapshot()) from error
        finally:
            self.logger.close()

    @property
    def evaluated(self) -> bool:
        """Whether the present policy was scored on the fixed starts; not so after a stop within that."""
        return self.last is not None and self.last.iteration >= self.completed

    def save(self, path: str, infos: dict | None = None) -> None:
        """Evaluate, mark the best, and write a checkpoint: rsl_rl calls this at the end of each segment.

        Args:
            path: The file.
            infos: Not used.
        """
        if self.logger.writer is None:  # no folder
            return
        first = ranks.index() == 0
        score = self.last = self._evaluate()
        if self.best is None or score.better_than(self.best):
            self.best = score.after(self.best)
            # The best goes first: a run killed between the two is evaluated again when it is resumed.
            if first:
                best = Path(path).with_name(BEST_NAME)
                save_checkpoint(self.state(), best)
                facts = {"rate": score.rate, "env_steps": self.env.env_steps}
                save_json(asdict(self.best) | facts, best.with_suffix(".json"))
        self._snapshot = copy.deepcopy(self.state())
        if first:
            save_checkpoint(self._snapshot, Path(path))
        self._report(evaluation_line(self._target, score, self.best, Path(path).name))

    @refuse_unsound
    def load(
        self, path: str, load_cfg: dict | None = None, strict: bool = True, map_location: str | None = None
    ) -> dict:
        """Continue from a checkpoint: the next iteration is the one after its own.

        Args:
            path: A checkpoint of a run with the same base policy and latent settings.
            load_cfg: Not used.
            strict: Not used, always strict.
            map_location: Not used, always the runner's device.

        Returns:
            An empty dict.

        Raises:
            UserError: The file is no such checkpoint.
        """
        header = (state := load_checkpoint(path))["score"]
        require_same(path, header["identity"], self.identity)
        require_resumable(path, state, self.alg)
        self.alg.load(state, None, True)
        self.completed = state["iter"]
        self.best = EvaluationScore(**header["best"]) if header["best"] else None
        self.last = EvaluationScore(**header["last"]) if header["last"] else None
        widths = self.identity["condition_dim"], self.env.plan.base.extents_dim
        self._familiarity = load_familiarity(header.get("familiarity"), widths, f"--checkpoint: {path}")
        self.env.env_steps = header["totals"]["env_steps"]
        self.env.decisions = header["totals"]["decisions"]
        self.logger.load_state(header["logger"])
        if isinstance(self.cfg["logger"], dict):
            self.cfg["logger"]["purge_step"] = self.completed + 1
        set_random_state(header["random"], self.env.generator)
        self._snapshot = copy.deepcopy(self.state())
        if (before := header.get("processes", 1)) != ranks.count():
            self._report(
                f"{path} was trained in {before} processes and goes on in {ranks.count()}: that is right, but not bit"
                " for bit what the same number would give."
            )
        return {}

    def state(self) -> dict[str, Any]:
        """Return everything that a checkpoint holds: tensors and plain values."""
        return {
            **self.alg.save(),
            "iter": self.completed,
            "infos": None,
            "score": {
                "format": FORMAT,
                "processes": ranks.count(),
                "identity": self.identity,
                "totals": {"env_steps": self.env.env_steps, "decisions": self.env.decisions},
                "best": asdict(self.best) if self.best else None,
                "last": asdict(self.last) if self.last else None,
                "familiarity": familiarity_state(self._familiarity),
                "logger": self.logger.state(),
                "random": random_state(self.env.generator),
            },
        }

    def _configure_multi_gpu(self) -> None:
        """Tell rsl_rl which process this is; the group is there already, on a CPU too."""
        self.gpu_world_size, self.gpu_global_rank, self.gpu_local_rank = ranks.count(), ranks.index(), 0
        self.is_distributed = False  # or its learn() would print, and send all parameters again in every segment
        several = {"global_rank": ranks.index(), "local_rank": 0, "world_size": ranks.count()}
        self.cfg["multi_gpu"] = several if ranks.count() > 1 else None

    def _segment_seed(self, iteration: int, stream: Stream = Stream.START) -> int:
        return derive_seed(seed_of(SeedSpace.TRAINING, self._seed), iteration, stream, ranks.index())

    def _prepare_iteration(self) -> None:
        """Set what depends on the number of the next iteration alone: its learning rate, and whether it warms up."""
        warm_up = self.completed < self._steering.warm_up_iterations
        self.alg.warm_up_epochs = self._steering.warm_up_epochs if warm_up else 0
        if self._rate is not None:
            self.alg.learning_rate = self._rate(self.completed)
            for group in self.alg.optimizer.param_groups:
                group["lr"] = self.alg.learning_rate

    def _start_segment(self) -> None:
        """Reset all environments to what the seed and the iteration alone decide."""
        self._prepare_iteration()
        self.env.reset(seed=self._segment_seed(self.completed))
        self.sampled = (0, 0)
        self.logger.start_episodes()
        if ranks.count() > 1:  # all begin with the same random states, and must not act alike
            seed_everything(self._segment_seed(self.completed, Stream.OWN), self.env.generator)

    def _checkpoint_path(self) -> Path:
        return Path(self.logger.log_dir or "") / f"model_{self.completed}.pt"

    def _save_snapshot(self) -> str:
        if ranks.index() > 0:
            return ""
        if self.logger.writer is None:
            return "nothing saved, as the run has no folder"
        if not (path := self._checkpoint_path()).exists():
            save_checkpoint(self._snapshot, path)
        left = f"from iteration {self.completed + 1}" if self.completed < self._target else "with its evaluation"
        return f"saved {path}; --checkpoint latest goes on {left}"

    def _evaluate(self) -> EvaluationScore:
        """Score the mean code on fixed starts, and keep what it met there."""
        self.alg.eval_mode()
        actor, steering = self.alg.get_policy(), self._steering
        score, self._familiarity = evaluate_on_fixed_starts(
            self.env, actor, steering.method, steering.evaluation_episodes, self.completed
        )
        self.alg.train_mode()
        scalars = {"Evaluation/success": score.rate, "Evaluation/mean_steps": score.mean_steps}
        self.logger.add_scalars(scalars, self.completed)
        return score

    def _after_iteration(self, iteration: int, times: IterationTimes) -> None:
        """Log what rsl_rl does not, of all processes together, and keep the state for Ctrl-C."""
        self.completed = iteration
        self._prepare_iteration()
        summary = self.env.statistics.drain()
        if (iteration - 1) % self.interval > 0:  # what ends soonest after a reset are successes
            self.sampled = (self.sampled[0] + summary.successes, self.sampled[1] + summary.episodes)
        mean, std = (values.flatten(0, 1) for values in self.alg.storage.distribution_params or ())
        limit = self.alg.get_policy().distribution.squash.limit
        support = ranks.mean(latent_support(self.alg.storage.actions.flatten(0, 1), mean, std, limit))
        steps = self._add_up_steps()
        scalars = iteration_scalars(summary, support, times, self.env.env_steps, self.env.decisions, steps)
        self.logger.add_scalars(scalars, iteration)
        self._snapshot = copy.deepcopy(self.state())
        done = iteration - self._first
        left = (time.perf_counter() - self._clock) / done * (self._target - iteration)
        self._report(iteration_line(iteration, self._target, summary, support, times, self.env.env_steps, steps, left))

    def _add_up_steps(self) -> int:
        """Make the totals those of all processes; returns the control steps of all in this iteration."""
        before, env = self._snapshot["score"]["totals"], self.env
        env.decisions = before["decisions"] + sum(ranks.gather(env.decisions - before["decisions"]))
        env.env_steps = before["env_steps"] + sum(ranks.gather(env.env_steps - before["env_steps"]))
        return env.env_steps - before["env_steps"]

    def _make_logger(self) -> SteeringLogger:
        env, several = self.env, ranks.count() > 1
        logger = SteeringLogger(
            self.logger.log_dir, self.cfg, env.cfg, env.num_envs, several, ranks.count(), ranks.index(), self.device
        )
        logger.git_status_repos = [__file__]
        logger.on_iteration = self._after_iteration
        return logger
