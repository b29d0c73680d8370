# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Evaluates a scripted task in two processes; started by test_shared.py."""

import os
import socket
import sys
from pathlib import Path

from tests.evaluation.test_paired import make_cfg
from tests.evaluation.test_support import head_of
from tests.rollout.scripted import LinePolicy, LineTask, PushActor
from torch.multiprocessing.spawn import start_processes

from score.evaluation import evaluate_paired
from score.utils.ranks import process_group

COUNT = 2


def work(rank: int, folder: Path, port: int, actor: str) -> None:
    """The share of one process, which is told of the others as torch's launcher tells it."""
    told = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": COUNT, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    os.environ.update({name: str(value) for name, value in told.items()})
    with process_group("cpu"):
        steered = head_of("score", 0.5) if actor == "head" else PushActor()
        evaluate_paired(LineTask(6 // COUNT), LinePolicy(), steered, make_cfg(folder))


if __name__ == "__main__":
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number = free.getsockname()[1]
    # Forked: each would import torch otherwise, which takes longer than all else.
    start_processes(work, (Path(sys.argv[1]), number, sys.argv[2]), nprocs=COUNT, start_method="fork")
