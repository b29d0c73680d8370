# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""What replaces a method of rsl_rl takes what rsl_rl hands to it: mypy cannot see that, the package has no types."""

from __future__ import annotations

import inspect

import pytest
from rsl_rl.env import VecEnv

from score.steering.chunked_env import ChunkedVecEnv
from score.steering.distribution import BoundedGaussianDistribution
from score.steering.ppo import SemiMarkovPPO
from score.steering.run_log import SilentWriter, SteeringLogger, TensorboardWriter
from score.steering.runner import SteeringRunner

OURS = (
    BoundedGaussianDistribution,
    ChunkedVecEnv,
    SemiMarkovPPO,
    SilentWriter,
    SteeringLogger,
    SteeringRunner,
    TensorboardWriter,
)
NAMED = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY


def replaced(ours: type) -> list[str]:
    """Methods of rsl_rl that a class defines anew, its constructor excepted."""
    theirs = next(base for base in ours.__mro__ if base.__module__.startswith("rsl_rl."))
    defined = [name for name, value in vars(ours).items() if inspect.isfunction(value) and name != "__init__"]
    return [name for name in defined if inspect.isfunction(getattr(theirs, name, None))]


@pytest.mark.parametrize(
    ("ours", "name"),
    [(ours, name) for ours in OURS for name in replaced(ours)],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_a_replaced_method_takes_the_parameters_of_rsl_rl(ours: type, name: str) -> None:
    theirs = next(base for base in ours.__mro__ if base.__module__.startswith("rsl_rl."))
    wanted = inspect.signature(getattr(theirs, name)).parameters.values()
    given = inspect.signature(getattr(ours, name)).parameters
    if not any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in given.values()):
        names = [parameter.name for parameter in wanted if parameter.kind in NAMED]
        assert list(given)[: len(names)] == names
    # And nothing more that it would have to be given.
    extra = [parameter for parameter in given.values() if parameter.name not in {known.name for known in wanted}]
    assert all(parameter.default is not inspect.Parameter.empty or parameter.kind not in NAMED for parameter in extra)


def test_the_methods_that_are_replaced_are_found() -> None:
    assert {"process_env_step", "compute_returns", "update"} <= set(replaced(SemiMarkovPPO))
    assert set(VecEnv.__abstractmethods__) <= set(vars(ChunkedVecEnv))
