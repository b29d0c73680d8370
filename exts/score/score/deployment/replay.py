# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Runs a capsule that nobody trusts yet: its operators first, then the recorded episode, in a process with limits."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch

from score.deployment.manifest import POLICY_FILE
from score.utils.errors import UserError

START_LIMIT = 30
"""Seconds of a core for loading the policy and for its first calls, which compile it."""
STEP_LIMIT = 5
"""Seconds of a core for one control step."""
MEMORY_LIMIT = 2**32
"""Bytes that the process may take."""
METHODS = ("forward", "reset", "decided", "example_observations")
"""What the loop on a robot calls of a policy."""

_CHILD = """
import signal, sys
start, step, memory = map(int, sys.argv[5:8])
signal.alarm(20 * (start + step))  # ends this process by itself, also where the one that started it has gone
def allow(seconds):
    signal.setitimer(signal.ITIMER_PROF, seconds)  # of its core, as other programs may be running
allow(start)
sys.path += sys.argv[4].split(chr(10))
for name in ("isaaclab", "rsl_rl", "safetensors", "numpy", "yaml"):
    sys.modules[name] = None  # importing it fails, as on a machine that has torch only
import json, pathlib, runpy
try:
    import resource
    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
except ImportError:
    pass
folder = pathlib.Path(sys.argv[2])
from score.utils.errors import UserError
from score.utils.torchscript import load_checked
file = folder / "policy.pt"
try:
    load_checked(file.read_bytes(), str(file), sys.argv[9:], stateful=True, what="a capsule")
except UserError as error:
    print(json.dumps({"refused": str(error)}))
    raise SystemExit
for name in [name for name in sys.modules if name.split(".")[0] == "score"]:
    del sys.modules[name]
sys.modules["score"] = None
program = runpy.run_path(sys.argv[1])
policy, manifest = program["load"](folder)

class Watched:
    def __call__(self, observations):
        allow(step)
        return policy(observations)
    def __getattr__(self, name):
        allow(step)
        return getattr(policy, name)

result = program["replay"](Watched(), manifest, pathlib.Path(sys.argv[8]), int(sys.argv[3]))
allow(start)
print(json.dumps(result))
"""
"""Checks the policy's operators, and runs the shipped loop with torch alone and one thread. The capsule's own copy of
the program is not run: its user may have connected it to a robot."""


def replay_capsule(path: Path, episode: Path, repeats: int) -> dict[str, Any]:
    """Feed a recorded episode, or the log of a robot, to a capsule's policy.

    Args:
        path: The capsule's folder, whose files were read and found sound.
        episode: The episode's file, likewise.
        repeats: How often.

    Returns:
        What ``replay`` of ``run_policy.py`` returns.

    Raises:
        UserError: The policy may not run, does not run, or takes too long or too much.
    """
    program, home = Path(__file__).with_name("run_policy.py"), Path(__file__).resolve().parents[2]
    torch_home = Path(torch.__file__).resolve().parents[1]  # for a torch among the user's packages
    limits = (START_LIMIT, STEP_LIMIT, MEMORY_LIMIT)
    # -I: no PYTHONPATH, no user packages, no current folder.
    command = [sys.executable, "-I", "-c", _CHILD, str(program), str(path.resolve()), str(repeats)]
    command += [f"{torch_home}\n{home}", *map(str, limits), str(episode.resolve()), *METHODS]
    output, errors, code = _run(command)
    where = path / POLICY_FILE
    if code in (-signal.SIGPROF, -signal.SIGALRM):
        raise UserError(
            f"{where} was stopped: loading it took longer than {START_LIMIT} s, or one control step longer than"
            f" {STEP_LIMIT} s. Do not run it on a robot; export the capsule again."
        )
    if code != 0:
        last = (errors.strip().splitlines() or [f"it ended with code {code}"])[-1]
        raise UserError(f"{where} does not run in a process that has torch only: {last}")
    outcome = json.loads(output.splitlines()[-1])
    if "refused" in outcome:
        raise UserError(f"{outcome['refused']} Do not run it on a robot.")
    return outcome


def _run(command: list[str]) -> tuple[str, str, int]:
    """Run a process that ends with this block, whatever ends the block."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        output, errors = process.communicate()
        return output, errors, process.returncode
    finally:
        with contextlib.suppress(OSError):
            process.kill()
        process.wait()
