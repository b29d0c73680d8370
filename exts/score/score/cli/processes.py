# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""``--processes N``: starts a command as several processes with torch's launcher, and says once how they ended."""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import os
import signal
import sys
import tempfile
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from score.utils import ranks
from score.utils.cli import ENDINGS
from score.utils.console import VERBOSE
from score.utils.errors import UserError

ENOUGH = 8
"""Environments that a process has at least by default: with fewer, starting it costs more than it brings."""


def run_in_processes(args: argparse.Namespace, num_envs: int, script: str, words: Sequence[str] | None) -> bool:
    """Run a command in as many processes as it is to have, unless this is one of them or one will do.

    Args:
        args: Flags ``processes`` and ``device``.
        num_envs: Environments of all processes together.
        script: File of the command.
        words: Its command line; that of this process if None.

    Returns:
        Whether the command was run. If not, this process has to do the work (or its share).

    Raises:
        UserError: The number of processes does not fit, or a process failed; the message is that process'.
        KeyboardInterrupt: Ctrl-C or SIGTERM, after all processes have saved what they could and ended.
    """
    number = choose_processes(args.processes, num_envs, args.device)
    if number == 1 or ranks.count() > 1:
        return False
    _launch(number, [script, *(sys.argv[1:] if words is None else words), f"--processes={number}"])
    return True


def choose_processes(asked: int | None, num_envs: int, device: str | None) -> int:
    """Choose the number of processes.

    Args:
        asked: What the user asked for. None: those that there are; else one on a GPU, and on a CPU one per core that
            this process may use, as long as each has :data:`ENOUGH` environments and all have equally many.
        num_envs: Environments of all processes together.
        device: Device; None for a GPU if there is one.

    Raises:
        UserError: The environments cannot be shared out evenly, or there are too few GPUs.
    """
    on_gpu = torch.cuda.is_available() if device is None else device.startswith("cuda")
    there = ranks.count()
    if asked is None and there == 1:
        most = 1 if on_gpu else min(len(os.sched_getaffinity(0)), num_envs // ENOUGH)
        return next((number for number in range(most, 1, -1) if num_envs % number == 0), 1)
    number = there if asked is None else asked
    if there not in (1, number):
        raise UserError(f"--processes is {number}, and torchrun started {there}: leave the flag out under torchrun.")
    if num_envs < number:
        raise UserError(
            f"--processes {number}: there are only {num_envs} environments, and each process needs one; give at most"
            f" --processes {num_envs}, or more environments with --num_envs."
        )
    if num_envs % number:
        raise UserError(
            f"--processes {number}: {num_envs} environments do not divide among them; give a multiple of {number},"
            f" such as --num_envs {num_envs - num_envs % number}."
        )
    if on_gpu and there == 1 and number > max(1, torch.cuda.device_count()):
        raise UserError(
            f"--processes {number}: there are {torch.cuda.device_count()} GPUs on this machine, and each process needs"
            " one; give fewer processes or --device cpu."
        )
    return number


def _launch(number: int, command: Sequence[str]) -> None:
    """Start the processes and wait for their end; errors as of :func:`run_in_processes`."""
    from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, SignalException, Std
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    quiet = {} if VERBOSE in os.environ else dict.fromkeys(range(1, number), Std.ALL)
    stopped = None
    with tempfile.TemporaryDirectory(prefix="score-") as folder:
        config = LaunchConfig(
            min_nodes=1,
            max_nodes=1,
            nproc_per_node=number,
            run_id=str(uuid.uuid4()),
            rdzv_backend="c10d",
            rdzv_endpoint="localhost:0",
            local_addr="localhost",
            max_restarts=0,
            logs_specs=DefaultLogsSpecs(log_dir=folder, redirects=quiet),
        )
        try:
            with _surroundings(folder):
                elastic_launch(config, sys.executable)(*command)
        except SignalException as exception:
            stopped, left = exception.sigval, _left(_endings(folder))
        except ChildFailedError as failed:
            codes = {rank: failure.exitcode for rank, failure in failed.failures.items()}
            endings = _endings(folder)
            for rank in codes.keys() - endings.keys():
                for file in Path(folder).glob(f"*/*/{rank}/stderr.log"):
                    sys.stderr.write(file.read_text(errors="replace"))  # a traceback: that is a defect
            raise UserError(explain(number, codes, endings)) from None
    if stopped is not None:
        with contextlib.suppress(KeyboardInterrupt):
            signal.raise_signal(stopped)  # to the handlers of this process, as if it had worked alone
        raise KeyboardInterrupt(left)


def explain(number: int, codes: Mapping[int, int], endings: Mapping[int, Mapping[str, Any]]) -> str:
    """Say in one line why a run of several processes failed, and what it left.

    Args:
        number: Number of processes.
        codes: Process -> its exit code, negative for a signal; those that failed.
        endings: Process -> what it said itself: ``line``, ``left``, and ``lost`` if it only followed another's end.
    """
    left = _left(endings)
    said = [end["line"] for end in endings.values() if not end["lost"] and end["line"].startswith("error: ")]
    silent = sorted(codes.keys() - endings.keys())
    if said:
        cause = said[0].removeprefix("error: ")
    elif silent and codes[silent[0]] < 0:
        name = signal.Signals(-codes[silent[0]]).name
        cause = f"Process {silent[0] + 1} of {number} was killed by {name} (did memory run out?)"
    elif silent:
        cause = f"Process {silent[0] + 1} of {number} failed (exit code {codes[silent[0]]}): its traceback is above"
    else:
        cause = f"One of {number} processes was stopped"
    return f"{cause.rstrip('.')}; {left}" if left else cause


def _left(endings: Mapping[int, Mapping[str, Any]]) -> str:
    return next((str(end["left"]) for end in endings.values() if end["left"]), "")


def _endings(folder: str) -> dict[int, dict[str, Any]]:
    files = sorted((int(file.name), file) for file in Path(folder).iterdir() if file.name.isdigit())
    return {rank: json.loads(file.read_text(encoding="utf-8")) for rank, file in files}


@contextlib.contextmanager
def _surroundings(folder: str) -> Iterator[None]:
    """Return what the processes are told beside their numbers; and keep the launcher's own log off the console."""
    # All talk stays on this machine.
    told = {ENDINGS: folder, "GLOO_SOCKET_IFNAME": os.environ.get("GLOO_SOCKET_IFNAME", "lo")}
    names = (*told, "TORCHELASTIC_SIGNALS_TO_HANDLE")
    before = {name: os.environ.get(name) for name in names}
    signals = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)
    handlers = {number: signal.getsignal(number) for number in signals}
    level = logging.root.manager.disable
    os.environ.update(told)
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(level)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
