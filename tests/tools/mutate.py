# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Break a module on purpose, one small change at a time, and see whether its tests notice.

    ./isaaclab.sh -p tests/tools/mutate.py                            all of SUBJECTS, 10 changes each
    ./isaaclab.sh -p tests/tools/mutate.py score/steering/latent.py --changes 30 --seed 1

Prints a line for each change: killed, or SURVIVED with file, line and what it was changed to. Exit code 1 if one
survived: then a test is missing, or the change is none. A copy of the package is changed, never the checkout.
"""

from __future__ import annotations

import argparse
import ast
import copy
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
SOURCES = PROJECT / "exts" / "score"
SUBJECTS = {
    "score/steering/chunk.py": ("tests/steering/test_chunk_accounting.py",),
    "score/steering/ppo.py": (
        "tests/steering/test_chunk_accounting.py",
        "tests/steering/test_training.py",
        "tests/steering/test_penalties.py",
    ),
    "score/steering/latent.py": ("tests/steering/test_latent.py",),
    "score/steering/plan.py": ("tests/steering/test_methods.py", "tests/steering/test_latent.py"),
    "score/evaluation/statistics.py": ("tests/evaluation/test_statistics.py",),
}
"""Module, below exts/score -> the tests that have to notice."""
LIMIT = 600
"""Seconds for the tests of one change; a change that makes them hang is noticed."""

_COMPARE = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq}
_ARITHMETIC = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult}
_NAMES = {"sum": "mean", "mean": "sum", "minimum": "maximum", "maximum": "minimum", "any": "all", "all": "any"}


def changes_of(node: ast.AST) -> Iterator[ast.AST]:
    """Every small change of one node, as a new node."""
    if isinstance(node, ast.Compare) and type(node.ops[0]) in _COMPARE:
        compared = copy.deepcopy(node)
        compared.ops[0] = _COMPARE[type(node.ops[0])]()
        yield compared
    elif isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
        computed = copy.deepcopy(node)
        computed.op = _ARITHMETIC[type(node.op)]()
        yield computed
    elif isinstance(node, ast.BoolOp):
        joined = copy.deepcopy(node)
        joined.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield joined
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub | ast.Invert):
        yield copy.deepcopy(node.operand)
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield ast.Constant(not node.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        yield ast.Constant(node.value + 1)
    elif isinstance(node, ast.Attribute) and node.attr in _NAMES:
        named = copy.deepcopy(node)
        named.attr = _NAMES[node.attr]
        yield named


def mutants(source: str) -> list[tuple[int, str, str]]:
    """Every changed version of a source: line, what stands there then, and the whole text."""
    tree = ast.parse(source)
    found: list[tuple[int, str, str]] = []
    for parent in ast.walk(tree):
        for name, value in ast.iter_fields(parent):
            for index, child in enumerate(value if isinstance(value, list) else [value]):
                if not isinstance(child, ast.AST):
                    continue
                for changed in changes_of(child):
                    _put(parent, name, index, ast.fix_missing_locations(ast.copy_location(changed, child)))
                    found.append((getattr(child, "lineno", 0), ast.unparse(changed), ast.unparse(tree)))
                    _put(parent, name, index, child)
    return found


def _put(parent: ast.AST, name: str, index: int, child: ast.AST) -> None:
    value = getattr(parent, name)
    if isinstance(value, list):
        value[index] = child
    else:
        setattr(parent, name, child)


def notice(sources: Path, tests: Sequence[str]) -> bool:
    """Whether the tests fail with the package that lies in a folder."""
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}
    environment["PYTHONPATH"] = os.pathsep.join([str(sources), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
    try:
        return subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, timeout=LIMIT).returncode == 1
    except subprocess.TimeoutExpired:
        return True


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("subjects", nargs="*", metavar="MODULE", help=f"{', '.join(SUBJECTS)} (default: all)")
    parser.add_argument("--changes", type=int, default=10, help="changes of each module, drawn at random (default: 10)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the draw")
    args = parser.parse_args(arguments)
    unknown = set(args.subjects) - SUBJECTS.keys()
    if unknown:
        parser.error(f"no tests are known for {', '.join(unknown)}; there are {', '.join(SUBJECTS)}")
    survivors = 0
    with tempfile.TemporaryDirectory() as folder:
        sources = Path(folder) / "score"
        shutil.copytree(SOURCES, sources)
        for subject in args.subjects or SUBJECTS:
            original = (SOURCES / subject).read_text()
            if notice(sources, SUBJECTS[subject]):
                raise SystemExit(f"error: the tests of {subject} fail as it is: {' '.join(SUBJECTS[subject])}")
            every = mutants(original)
            drawn = random.Random(args.seed).sample(every, min(args.changes, len(every)))
            for line, changed, text in sorted(drawn):
                (sources / subject).write_text(text)
                noticed = notice(sources, SUBJECTS[subject])
                survivors += not noticed
                print(f"{'killed  ' if noticed else 'SURVIVED'} {subject}:{line}: {changed}", flush=True)
            (sources / subject).write_text(original)
            print(f"{subject}: {len(drawn)} of {len(every)} possible changes tried", flush=True)
    return 1 if survivors else 0


if __name__ == "__main__":
    raise SystemExit(main())
