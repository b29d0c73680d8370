# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""The periodic evaluation of a training run: its mean code, on starts that no report owns and that never change."""

from __future__ import annotations

from score.rollout.arms import steered_arm
from score.rollout.episodes import run_episodes
from score.rollout.results import EpisodeResults
from score.rollout.seeds import SeedSpace, seed_of
from score.utils import ranks

from .chunked_env import ChunkedVecEnv
from .plan import SteeringHead


def run_fixed_starts(env: ChunkedVecEnv, head: SteeringHead, episodes: int) -> EpisodeResults:
    """Run the mean code on the fixed starts; random states and totals of training stay as they are.

    Of several processes, each runs its share; every one gets the results of all, in their order.

    Args:
        env: The environment.
        head: The steering policy.
        episodes: Episodes, at least; no fewer than the environments of all processes.
    """
    own = run_episodes(
        env.task,
        env.plan.base,
        steered_arm(head),
        episodes=ranks.share(range(max(episodes, env.num_envs * ranks.count()))),
        seed=seed_of(SeedSpace.TRAINING_EVALUATION, 0),
        chunk_steps=env.chunk_steps,
    )
    return EpisodeResults.interleave(ranks.gather(own))
