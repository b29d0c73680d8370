# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Whether what a checkpoint says can be believed: found before anything is made of it, and said in one line."""

from __future__ import annotations

import contextlib
import copy
import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from score.utils.archives import DAMAGED
from score.utils.errors import UserError
from score.utils.fields import brief, finite_number, finite_numbers, read_fields, whole_number
from score.utils.tensor_files import require_tensors

from .run_log import EvaluationScore

REMEDY = "Use an earlier model_<i>.pt of the same run."
_MOST_STEPS, _MOST_WIDTH, _MOST_LAYERS, _MOST_COUNT = 10_000, 1_000_000, 64, 2**62


@contextlib.contextmanager
def sound_or_refused(path: Path | str) -> Iterator[None]:
    """Turn what Python and torch raise on wrong values of a checkpoint into a user's message.

    Raises:
        UserError: The block raised.
    """
    try:
        yield
    except UserError:
        raise
    except (*DAMAGED, AttributeError, AssertionError, ArithmeticError) as error:
        raise UserError(f"--checkpoint: {path} was edited or damaged ({brief(error, 150)}). {REMEDY}") from error


def checked_identity(path: Path | str, state: Mapping[str, Any]) -> dict[str, Any]:
    """Check what a checkpoint says its steering policy is, and that its networks are no larger than its file.

    Args:
        path: The checkpoint.
        state: What it holds.

    Returns:
        ``state["score"]["identity"]``.

    Raises:
        UserError: An entry is missing or out of range.
    """
    identity, where = state["score"]["identity"], f"--checkpoint: {path}: identity"
    for key in ("chunk_steps", "horizon", "action_dim", "knots"):
        whole_number(f"{where}.{key}", identity.get(key), 1, _MOST_STEPS)
    whole_number(f"{where}.condition_dim", identity.get("condition_dim"), 1, _MOST_WIDTH)
    if finite_number(f"{where}.bound", identity.get("bound")) <= 0.0:
        raise UserError(f"{where}.bound is {identity['bound']}: it must be positive. {REMEDY}")
    for key in ("residual_limit", "action_reach"):
        if finite_number(f"{where}.{key}", identity.get(key, 1.0)) <= 0.0:
            raise UserError(f"{where}.{key} is {identity[key]}: it must be positive. {REMEDY}")
    limit = identity["feature_limit"]
    if limit is not None and finite_number(f"{where}.feature_limit", limit) <= 0.0:
        raise UserError(f"{where}.feature_limit is {limit}: it must be positive. {REMEDY}")
    for key in ("method", "basis", "actor_activation", "base_policy_sha256"):
        if not isinstance(identity.get(key), str):
            raise UserError(f"{where}.{key} holds {brief(identity.get(key))}: it must be a text. {REMEDY}")
    layers = identity.get("actor_hidden_dims")
    if not isinstance(layers, (list, tuple)) or len(layers) > _MOST_LAYERS:
        raise UserError(f"{where}.actor_hidden_dims holds {brief(layers)}: it must be a short list. {REMEDY}")
    widths = [
        identity["condition_dim"],
        *(whole_number(f"{where}.actor_hidden_dims", n, 1, _MOST_WIDTH) for n in layers),
    ]
    described = sum(4 * first * second for first, second in itertools.pairwise(widths))
    if described > Path(path).stat().st_size:
        raise UserError(f"{where} describes networks of {described} bytes, more than the file has. {REMEDY}")
    return dict(identity)


def require_network(path: Path | str, found: Any, network: torch.nn.Module) -> None:
    """Check that the weights of a checkpoint are those of a network.

    Raises:
        UserError: A tensor is missing, unknown or of another shape.
    """
    require_tensors(found, network.state_dict(), f"--checkpoint: {path}", "its identity", REMEDY)


def require_resumable(path: Path | str, state: Mapping[str, Any], alg: Any) -> None:
    """Check that a training can go on from a checkpoint; the training itself is not touched.

    Args:
        path: The checkpoint.
        state: What it holds.
        alg: The algorithm of the training (:class:`rsl_rl.algorithms.PPO`), with networks and optimiser.

    Raises:
        UserError: It cannot.
    """
    header, where = state["score"], f"--checkpoint: {path}"
    require_network(path, state.get("actor_state_dict"), alg._raw_actor)
    require_network(path, state.get("critic_state_dict"), alg._raw_critic)
    with sound_or_refused(path):
        _require_optimizer(state["optimizer_state_dict"], alg.optimizer)
        for key in ("env_steps", "decisions"):
            whole_number(f"{where}: totals.{key}", header["totals"][key], 0, _MOST_COUNT)
        for name in ("best", "last"):
            if header[name] is not None:
                score = read_fields(EvaluationScore, header[name], f"{where}: {name}")
                for key in ("iteration", "successes", "episodes"):
                    whole_number(f"{where}: {name}.{key}", score[key], 0, _MOST_COUNT)
                for key in ("mean_steps", "highest"):
                    finite_number(f"{where}: {name}.{key}", score.get(key, 0.0))
        logger = header["logger"]
        for key in ("steps", "seconds"):
            finite_number(f"{where}: logger.{key}", logger[key])
        for key in ("rewards", "lengths"):
            finite_numbers(f"{where}: logger.{key}", logger[key], len(logger[key]))


def refuse_unsound(load: Callable[..., dict]) -> Callable[..., dict]:
    """Wrap the ``load(path, ...)`` of a runner in :func:`sound_or_refused`."""

    def wrapped(self: Any, path: str, *args: Any, **options: Any) -> dict:
        with sound_or_refused(path):
            return load(self, path, *args, **options)

    wrapped.__doc__ = load.__doc__
    return wrapped


def _require_optimizer(found: Any, optimizer: torch.optim.Optimizer) -> None:
    """Let a copy of the optimiser take a step from the state, without a gradient: what is wrong in it raises here."""
    trial = copy.deepcopy(optimizer)
    trial.load_state_dict(copy.deepcopy(found))
    parameters = [parameter for group in trial.param_groups for parameter in group["params"]]
    for parameter in parameters:
        parameter.grad = torch.zeros_like(parameter)
        for name, value in trial.state[parameter].items():
            if isinstance(value, torch.Tensor) and value.dim() and value.shape != parameter.shape:
                raise ValueError(f"'{name}' of the optimiser has the shape {tuple(value.shape)}")
    trial.step()
    numbers = [number for group in trial.param_groups for number in _numbers(group)]
    if not all(math.isfinite(number) for number in numbers):
        raise ValueError("a setting of the optimiser is not finite")
    if not all(bool(torch.isfinite(parameter).all()) for parameter in parameters):
        raise ValueError("the optimiser's next step is not finite")


def _numbers(group: Mapping[str, Any]) -> list[float]:
    values = [item for value in group.values() for item in (value if isinstance(value, (list, tuple)) else (value,))]
    return [float(value) for value in values if isinstance(value, (int, float))]
