# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""The flags that the commands share, and what is done with what is no flag.

Imports torch and simulators only when asked, so that ``--help`` and a mistyped flag answer at once.
"""

from __future__ import annotations

import argparse
import os
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from score.utils.errors import UserError, near_names

_COUNTS = (
    *("num_envs", "episodes", "attempts", "max_iterations", "steps", "repeats", "rounds", "drops"),
    *("updates", "epochs", "batch_size", "horizon", "processes"),
)
"""Flags whose number is at least 1, wherever they occur."""


class Command(argparse.ArgumentParser):
    """The command line of a script: no abbreviated flags, and a mistake is a :class:`UserError`."""

    def __init__(self, description: str | None = None, **options: Any) -> None:
        """Describe the command.

        Args:
            description: What it does, usually the docstring of the script.
            options: As of :class:`argparse.ArgumentParser`.
        """
        formatter = argparse.RawDescriptionHelpFormatter
        super().__init__(description=description, allow_abbrev=False, formatter_class=formatter, **options)

    def error(self, message: str) -> NoReturn:
        """Refuse the command line."""
        raise UserError(f"{self.prog}: {message}; --help lists the flags.")

    def add_task(
        self, default: str | None = None, *, num_envs: str, seed: int | None = 0, several: bool = False
    ) -> None:
        """Add what every command has that opens a task.

        Args:
            default: The task, where the user names none.
            num_envs: What the number of environments is by default.
            seed: Default of the seed; None for the task's own.
            several: Whether several numbers of environments may be given.
        """
        self.epilog = "Hydra overrides may follow: physics=newton_mjwarp, agent.steering.knots=3, env.decimation=12."
        of_task = "the task's own, 42" if seed is None else str(seed)
        self.add_argument("--task", required=default is None, default=default, help="gym id, e.g. SCORE-Insert-v0")
        counts: dict[str, Any] = {"nargs": "+"} if several else {}
        self.add_argument("--num_envs", type=int, metavar="N", help=f"environments (default: {num_envs})", **counts)
        self.add_argument("--seed", type=int, default=seed, help=f"seed of starts and noise (default: {of_task})")
        self.add_argument("--device", help="torch device, e.g. cpu or cuda:0 (default: a GPU if there is one)")

    def add_processes(self) -> None:
        """Add the number of processes that the environments are shared out to."""
        what = "processes that share the environments (default: one per core on a CPU, one on a GPU)"
        self.add_argument("--processes", type=int, metavar="N", help=what)

    def add_base_policy(self) -> None:
        """Add the base policy."""
        self.add_argument("--base_policy", type=Path, metavar="DIR", help="base policy (default: the task's own)")

    def add_checkpoint(self, *, none: bool = True) -> None:
        """Add the steering checkpoint to evaluate; ``none`` stands for the base policy alone."""
        selectors = "latest|best|shipped|none|FILE" if none else "latest|best|shipped|FILE"
        what = "steering checkpoint (default: best); shipped: that which comes with the task"
        what += "; none: base policy alone" if none else ""
        self.add_argument("--checkpoint", default="best", metavar=selectors, help=what)

    def add_domain(self, default: str = "sim") -> None:
        """Add the domain."""
        what = f"sim, or real: the stand-in for the robot (default: {default})"
        self.add_argument("--domain", default=default, help=what)

    def parse(self, arguments: Sequence[str] | None = None) -> tuple[argparse.Namespace, list[str]]:
        """Read a command line with Hydra overrides.

        Args:
            arguments: The words; those of the process if None.

        Returns:
            Flags and overrides.

        Raises:
            UserError: A word is neither, a number is out of range, or the device cannot be used.
        """
        args, unknown = self.parse_known_args(arguments)
        require_overrides(unknown, list(self._option_string_actions))
        require_counts(args)
        if getattr(args, "device", None) is not None:
            require_device(args.device)  # here, and not only by who opens the task: processes may be started before
        return args, unknown


def require_overrides(words: Sequence[str], flags: Sequence[str]) -> None:
    """Check that what a command does not know are Hydra overrides.

    Args:
        words: Unknown arguments.
        flags: Flags of the command, for near names.

    Raises:
        UserError: One is no ``key=value``.
    """
    for word in words:
        if word.startswith("-") or "=" not in word:
            hint = near_names(word.split("=")[0], flags)
            raise UserError(
                f"Unknown argument '{word}'.{hint} Hydra overrides have the form key=value, e.g. physics=newton_mjwarp."
            )


def require_counts(args: argparse.Namespace) -> None:
    """Check the numbers of things, and the seed.

    Raises:
        UserError: A number of things is below 1, or the seed below 0.
    """
    for name in _COUNTS:
        values = getattr(args, name, None)
        for value in values if isinstance(values, list) else [values]:
            if isinstance(value, int) and value < 1:
                raise UserError(f"--{name} must be at least 1, got {value}.")
    seed = getattr(args, "seed", None)
    if seed is not None and not 0 <= seed < 2**31:
        raise UserError(f"--seed must be from 0 to {2**31 - 1}, got {seed}.")


def require_device(device: str | None) -> None:
    """Check that torch can use a device; None stands for the default.

    Raises:
        UserError: It cannot.
    """
    import torch

    try:
        kind = torch.empty(0, device=device).device.type
        if kind not in ("cpu", "cuda"):
            raise RuntimeError(f"it is of the kind '{kind}'")
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"Device '{device}' cannot be used ({reason}): give --device cpu.") from error


def require_display(viewers: Sequence[str]) -> None:
    """Check that a viewer that opens a window can do so.

    Raises:
        UserError: There is no display.
    """
    windows = [viewer for viewer in viewers if viewer in ("newton_gl", "kit")]
    if windows and sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise UserError(f"--viz {windows[0]} opens a window, and there is no display: use --viz viser or --video.")


def require_host(host: str) -> None:
    """Check that a viewer can listen on an address.

    Raises:
        UserError: It is none, or not one of this machine.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as listener:
            listener.bind(address)
    except (OSError, UnicodeError) as error:
        raise UserError(
            f"--viewer_host {host}: nothing can listen there ({error}); give an address of this machine, such as"
            " 127.0.0.1, or 0.0.0.0 for all of them."
        ) from error


def task_options(args: argparse.Namespace, overrides: Sequence[str], **changes: Any) -> dict[str, Any]:
    """Return what :func:`score.open_task.open_task` takes from a command line.

    Args:
        args: Flags of :meth:`Command.add_task`, and the domain where there is one.
        overrides: Hydra overrides.
        changes: Options that are not those of the flags.

    Raises:
        UserError: The device cannot be used.
    """
    flags = {name: getattr(args, name) for name in ("domain", "num_envs", "seed", "device") if hasattr(args, name)}
    options = {"task": args.task, "overrides": list(overrides), **flags, **changes}
    require_device(options["device"])
    return options
