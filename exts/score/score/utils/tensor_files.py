# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Files of ``torch.save`` that a user hands in: tensors and plain values, nothing else, and none larger than the file.

Needs torch, and is not imported with the package.
"""

from __future__ import annotations

import functools
import io
import pickle
import pickletools
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sized
from pathlib import Path
from typing import Any, ClassVar

import torch

from .archives import DAMAGED, check_archive
from .checked_pickle import CheckedUnpickler
from .errors import UserError

_NAMES = ("collections OrderedDict", "torch._utils _rebuild_tensor_v2", "torch._utils _rebuild_parameter", "torch Size")
"""What a file may name beside types of storage."""
_OPCODES = frozenset({"STACK_GLOBAL", "INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "EXT1", "EXT2", "EXT4", "BYTEARRAY8"})
"""Ways to name or make other things, which ``torch.save`` does not use for tensors and plain values."""
_LONGEST_PICKLE = 2**22
"""Longest part of plain values that is read [bytes]; a checkpoint's has some ten thousand."""
_MOST_VALUES = 2 * 10**5
"""Values that a file may hold; a checkpoint has some hundreds."""


class ForeignObjectsError(ValueError):
    """The file holds Python objects beside tensors and plain values."""


class NotFiniteError(ValueError):
    """A tensor of the file is not finite; the message names it."""


def load_plain(path: Path) -> Any:
    """Read a file of ``torch.save`` without running anything.

    Args:
        path: The file.

    Returns:
        What was saved, on the CPU.

    Raises:
        ForeignObjectsError: It holds other objects, which could run code.
        NotFiniteError: It holds NaN or an infinity.
        ValueError: It is damaged, or claims more than it holds.
    """
    path = Path(path)
    try:
        _require_plain(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ForeignObjectsError(str(error)) from error
    except ForeignObjectsError:
        raise
    except (*DAMAGED, AttributeError, AssertionError, RecursionError) as error:
        raise ValueError(f"{path} is damaged: {error}") from error
    size = path.stat().st_size
    for name, value in _leaves(state):
        # A tensor may repeat its numbers without having them, and be written out in full by whoever uses it.
        if isinstance(value, torch.Tensor) and value.numel() * value.element_size() > size:
            raise ValueError(f"'{name}' claims more numbers than the file has")
        if isinstance(value, torch.Tensor) and not bool(torch.isfinite(value).all()):
            raise NotFiniteError(f"'{name}'")
    return state


def require_tensors(
    found: Any, needed: Mapping[str, torch.Tensor], path: Path | str, described_by: str, remedy: str
) -> None:
    """Check that tensors are those that something describes: names, shapes and types.

    Args:
        found: The tensors of a file by name, or whatever stands in their place.
        needed: The tensors that there must be; their values do not matter.
        path: The file.
        described_by: What describes them, for the message.
        remedy: What to do, for the message.

    Raises:
        UserError: They differ; the message names the differences.
    """
    found = dict(found) if isinstance(found, Mapping) else {}
    missing = sorted(name for name in needed if not isinstance(found.get(name), torch.Tensor))
    extra = sorted(str(name)[:60] for name in set(found) - set(needed))
    problems = [f"misses {', '.join(map(repr, missing[:3]))} ({len(missing)} in all)"] if missing else []
    problems += [f"has the unknown {', '.join(map(repr, extra[:3]))} ({len(extra)} in all)"] if extra else []
    for name in sorted(set(needed) - set(missing)):
        if found[name].shape != needed[name].shape or found[name].dtype != needed[name].dtype:
            problems.append(
                f"'{name}' is {tuple(found[name].shape)} {found[name].dtype} and must be"
                f" {tuple(needed[name].shape)} {needed[name].dtype}"
            )
    if problems:
        raise UserError(
            f"{path} does not hold the tensors that {described_by} describes: {'; '.join(problems[:4])}. {remedy}"
        )


def _require_plain(path: Path) -> None:
    names = [name for name in check_archive(path) if name.rpartition("/")[2] == "data.pkl"]
    with zipfile.ZipFile(path) as archive:
        if len(names) != 1 or archive.getinfo(names[0]).file_size > _LONGEST_PICKLE:
            raise ValueError("it has no part of plain values, or a huge one")
        program = archive.read(names[0])
    for opcode, argument, _ in pickletools.genops(program):
        known = argument in _NAMES or (str(argument).startswith("torch ") and str(argument).endswith("Storage"))
        if opcode.name in _OPCODES or (opcode.name == "GLOBAL" and not known):
            raise ForeignObjectsError(str(argument))
    try:
        _Rehearsal(program).load()
    except pickle.UnpicklingError as error:
        raise ValueError(str(error)) from error


class _Rehearsal(CheckedUnpickler):
    """Follows a file's program without its tensors, and counts what it copies.

    A few bytes can name a long list again and again, and make another one of it each time.
    """

    def __init__(self, program: bytes) -> None:
        super().__init__(io.BytesIO(program))
        self._left = _MOST_VALUES

    def find_class(self, module: str, name: str) -> Any:
        """Return what makes a thing as long as the one that is named."""
        if name == "OrderedDict":
            return self._make_empty
        return functools.partial(self._make, tuple if name == "Size" else lambda *_: None)

    def persistent_load(self, pid: Any) -> None:
        """Read no numbers."""

    def _make_empty(self, *values: Any) -> OrderedDict[Any, Any]:
        if values:  # torch.save fills it later
            raise ValueError("it fills a dict in a way of its own")
        return OrderedDict()

    def _make(self, make: Callable[..., Any], *values: Any) -> Any:
        self._charge(*values)
        return make(*values)

    def _charge(self, *values: Any) -> None:
        self._left -= sum(len(value) for value in values if isinstance(value, Sized))
        if self._left < 0:
            raise ValueError("it holds far too many values")

    def _load_build(self) -> None:
        self._charge(self.stack.pop())

    dispatch: ClassVar[dict[int, Any]] = {**CheckedUnpickler.dispatch, pickle.BUILD[0]: _load_build}


def _leaves(state: Any) -> Iterator[tuple[str, Any]]:
    """All values that are no containers, with their places. A container that holds itself has too many."""
    stack: list[tuple[str, Any]] = [("", state)]
    for _ in range(_MOST_VALUES):
        if not stack:
            return
        name, value = stack.pop()
        if not isinstance(value, (Mapping, list, tuple, set)):
            yield name, value
            continue
        items = value.items() if isinstance(value, Mapping) else enumerate(value)
        stack += [(f"{name}.{str(key)[:60]}".lstrip(".")[:120], item) for key, item in items]
    raise ValueError("it holds far too many values")
