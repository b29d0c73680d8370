# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Settings of Isaac Lab tasks with the user's overrides, and what Isaac Lab says of wrong ones in one line."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator, Sequence
from typing import Any

from score.utils.console import VERBOSE, quiet_libraries
from score.utils.errors import UserError
from score.utils.overrides import require_known_keys


def resolve_settings(task: str, overrides: Sequence[str]) -> Any:
    """Return the task's configuration; whatever is wrong with it without overrides is no mistake of the user."""
    env_cfg = _resolved(task, [])
    presets = [text for text in overrides if "." not in text.split("=", 1)[0]]
    try:
        if presets:
            env_cfg = _resolved(task, presets)  # other engines have other settings
        # Isaac Lab takes any key below env, and ignores those that it does not know.
        require_known_keys(overrides, "env", env_cfg)
        return _resolved(task, overrides) if len(presets) < len(overrides) else env_cfg
    except UserError:
        raise
    except (ValueError, LookupError, AttributeError, TypeError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(f"Overrides {list(overrides)} do not fit task '{task}': {reason}") from error


@contextlib.contextmanager
def blaming(task: str, overrides: Sequence[str]) -> Iterator[None]:
    """Isaac Lab builds a task with any values; what it then raises is no defect of the task if the user gave some."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        if not overrides or VERBOSE in os.environ:
            raise
        reason = (str(error).splitlines() or [""])[0][:300]
        raise UserError(
            f"Task '{task}' cannot be built with {', '.join(overrides)}: {type(error).__name__}: {reason}."
            f" Leave them out one by one; {VERBOSE}=1 shows where it fails."
        ) from error


def _resolved(task: str, overrides: Sequence[str]) -> Any:
    from isaaclab_tasks.utils import resolve_task_config

    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
            return resolve_task_config(task, None, overrides=list(overrides))[0]
    except SystemExit as error:  # Hydra prints what it does not understand, and leaves
        raise ValueError(said.getvalue().strip()) from error


@contextlib.contextmanager
def launched(launch: contextlib.AbstractContextManager[Any]) -> Iterator[None]:
    """Isaac Lab's launch, without the traceback that it prints of a mistake that the command says in one line."""
    with quiet_libraries():
        launch.__enter__()
    try:
        yield
    except BaseException as error:
        said = isinstance(error, UserError | OSError)
        with contextlib.redirect_stderr(io.StringIO()) if said else contextlib.nullcontext():
            launch.__exit__(type(error), error, error.__traceback__)
        raise
    launch.__exit__(None, None, None)
