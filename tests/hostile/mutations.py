# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Files that are damaged or made to do harm: single values and bytes of sound ones changed, by a seed.

``python -m tests.hostile.mutations 2000`` reads that many of them in all, in a process of limited memory. What names
begin with chooses among the kinds: ``python -m tests.hostile.mutations 1000 scan recording scene batch``.
"""

from __future__ import annotations

import copy
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from score.utils.errors import UserError

LONGEST = 15
"""Seconds of CPU time that reading one file may take: other work on the machine makes no file a bad one."""
LONGEST_WAIT = 150
"""Seconds that it may take where it only waits."""
MOST_MEMORY = 2**32
"""Bytes that reading files may take."""
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2, 3.5, -0.0, 10**5, 10**6, 10**7, 10**9, 10**11, 2**63, -(2**63), 10**400),
    *(float("nan"), float("inf"), -float("inf"), 1e308, 1e-320, "", "x", "0", "1e999", "score", "full", "../../x"),
    *("x" * 300, "\ud800".encode("utf-8", "replace").decode(), "\x00", [], {}, [[]], [0], [10**9] * 3, {"a": 1}),
)
"""What a value is replaced by."""


@dataclass
class Outcome:
    """What came of reading mutated files."""

    read: int = 0
    """Files read without a complaint."""
    refused: int = 0
    """Files refused by a user's message."""
    faults: list[str] = field(default_factory=list)
    """The others: a traceback, a message of several lines, or too long."""


@dataclass(frozen=True)
class Subject:
    """A kind of file."""

    name: str
    """What is changed of what."""
    make: Callable[[Path], Any]
    """Makes a sound one in a folder that is empty; what it returns is given to the other two."""
    mutate: Callable[[Any, Path, random.Random], str]
    """Writes a changed one in the place of the sound one, and says what it changed."""
    read: Callable[[Any, Path], Any]
    """Reads it as a command does."""


def mutated_bytes(data: bytes, rng: random.Random) -> tuple[bytes, str]:
    """Some bytes changed, removed, inserted or repeated; the file is cut in one of eight."""
    at, length = rng.randrange(len(data)), rng.choice((1, 1, 2, 4, 8, 64))
    kind = rng.choice(("flip", "flip", "random", "zero", "ones", "cut", "remove", "repeat"))
    new = {
        "flip": lambda: bytes([data[at] ^ (1 << rng.randrange(8))]) + data[at + 1 : at + length],
        "random": lambda: rng.randbytes(len(data[at : at + length])),
        "zero": lambda: bytes(len(data[at : at + length])),
        "ones": lambda: b"\xff" * len(data[at : at + length]),
        "repeat": lambda: 2 * data[at : at + length],
    }
    if kind == "cut":
        return data[:at], f"cut at {at}"
    return data[:at] + new.get(kind, lambda: b"")() + data[at + length :], f"{kind} {length} bytes at {at}"


def mutated_tree(tree: Any, rng: random.Random) -> tuple[Any, str]:
    """One value of nested dicts and lists replaced, removed, renamed or doubled."""
    tree = copy.deepcopy(tree)
    places = list(_places(tree, ""))
    parent, key, where = rng.choice(places)
    kind = rng.choice(("replace",) * 6 + ("remove", "rename", "double", "bury"))
    if kind == "replace":
        parent[key] = copy.deepcopy(value := rng.choice(VALUES))
        return tree, f"{where} = {str(value)[:30]!r}"
    if kind == "bury":
        for _ in range(rng.choice((1, 30))):
            parent[key] = [parent[key]]
    elif kind == "double":
        parent[key] = [parent[key], parent[key]]
    elif kind == "rename" and isinstance(parent, dict):
        parent[f"{key}x"] = parent.pop(key)
    else:
        del parent[key]
    return tree, f"{kind} {where}"


def mutated_words(text: str, rng: random.Random) -> tuple[str, str]:
    """One word of a text replaced, removed or doubled, or one line removed or doubled."""
    lines = [line.split(" ") for line in text.split("\n")]
    row = rng.randrange(len(lines))
    place = rng.randrange(len(lines[row]))
    kind = rng.choice(("replace",) * 6 + ("remove", "double", "remove line", "double line"))
    if kind == "replace":
        lines[row][place] = str(rng.choice(VALUES))[:500]
    elif kind == "remove":
        del lines[row][place]
    elif kind == "double":
        lines[row][place] *= 2
    elif kind == "remove line":
        del lines[row]
    else:
        lines.insert(row, lines[row])
    return "\n".join(" ".join(words) for words in lines), f"{kind} word {place} of line {row + 1}"


def _places(tree: Any, where: str) -> Iterator[tuple[Any, Any, str]]:
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in list(items):
        yield tree, key, f"{where}.{key}"
        yield from _places(value, f"{where}.{key}")


def run(subject: Subject, count: int, seed: int = 0) -> Outcome:
    """Read ``count`` mutations of a subject; the i-th of a seed is always the same."""
    outcome = Outcome()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sound = subject.make(folder)
        subject.read(sound, folder)  # or nothing below means anything
        for index in range(count):
            change = subject.mutate(sound, folder, random.Random(f"{subject.name} {seed} {index}"))
            fault = _fault(subject, sound, folder, outcome)
            if fault:
                outcome.faults.append(f"{subject.name} {index} ({change}): {fault}")
    return outcome


def _fault(subject: Subject, sound: Any, folder: Path, outcome: Outcome) -> str:
    began = time.perf_counter()
    try:
        with _time_limit(LONGEST):
            subject.read(sound, folder)
        outcome.read += 1
    except UserError as error:
        outcome.refused += 1
        if "\n" in str(error) or len(str(error)) > 1500:
            return f"message of {len(str(error))} letters: {str(error)[:80]!r}"
    except TimeoutError:
        return f"hung for {time.perf_counter() - began:.0f} s"
    except BaseException as error:  # whatever it is, a user would see its traceback
        frame = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__}: {str(error)[:120]} at {Path(frame.filename).name}:{frame.lineno}"
    return ""


@contextmanager
def _time_limit(seconds: int) -> Iterator[None]:
    def late(*_: object) -> None:
        raise TimeoutError

    numbers = (signal.SIGPROF, signal.SIGALRM)
    before = [signal.signal(number, late) for number in numbers]
    signal.setitimer(signal.ITIMER_PROF, seconds)
    signal.alarm(LONGEST_WAIT)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0.0)
        signal.alarm(0)
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def main() -> int:
    """Read many mutations of all subjects."""
    from tests.hostile.recording_subjects import RECORDING_SUBJECTS
    from tests.hostile.scan_subjects import SCAN_SUBJECTS, WHOLE_SUBJECTS
    from tests.hostile.subjects import SUBJECTS

    count = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    subjects = (*SUBJECTS, *SCAN_SUBJECTS, *RECORDING_SUBJECTS, *WHOLE_SUBJECTS)
    chosen = [subject for subject in subjects if subject.name.startswith(tuple(sys.argv[2:] or [""]))]
    resource.setrlimit(resource.RLIMIT_DATA, (MOST_MEMORY, MOST_MEMORY))
    faults = 0
    for subject in chosen:
        began = time.perf_counter()
        outcome = run(subject, -(-count // len(chosen)), seed=1)
        took = time.perf_counter() - began
        counts = f"{outcome.refused} refused, {outcome.read} read, {len(outcome.faults)} faults"
        print(f"{subject.name}: {counts}, {took:.0f} s", flush=True)
        for fault in outcome.faults:
            print(f"    {fault}", flush=True)
        faults += len(outcome.faults)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{faults} faults; largest memory {peak:.2f} GiB")
    return 1 if faults else 0


if __name__ == "__main__":
    raise SystemExit(main())
