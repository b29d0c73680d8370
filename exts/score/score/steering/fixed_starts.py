# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""The evaluation inside of a training: the mean latent, on starts that are the same in every run."""

from __future__ import annotations

import torch
from rsl_rl.models import MLPModel

from score.rollout.arms import steered_arm
from score.rollout.episodes import run_episodes
from score.rollout.seeds import SeedSpace, seed_of

from .chunked_env import ChunkedVecEnv
from .familiarity import Familiarity, FeatureRecorder
from .policy import head_of
from .run_log import EvaluationScore


@torch.inference_mode()
def evaluate_on_fixed_starts(
    env: ChunkedVecEnv, actor: MLPModel, method: str, episodes: int, iteration: int
) -> tuple[EvaluationScore, Familiarity | None]:
    """Run the mean code on the fixed starts.

    Args:
        env: The environment of the training; its episodes are given up.
        actor: The network, in evaluation mode.
        method: Name of the method.
        episodes: How many starts.
        iteration: Iterations done.

    Returns:
        The score, and what the policy met on the way.
    """
    recorder = FeatureRecorder(env.plan)
    results = run_episodes(
        env.task,
        env.plan.base,
        recorder.watch(steered_arm(head_of(actor, env.plan, env.chunk_steps, method))),
        episodes=range(episodes),
        seed=seed_of(SeedSpace.TRAINING_EVALUATION, 0),
        chunk_steps=env.chunk_steps,
    )
    successes, steps = int(results.success.sum()), float(results.steps.mean())
    return EvaluationScore(iteration, successes, results.episodes, steps), recorder.fit()
