# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Reads the tensors and plain settings of a ``torch.save`` file without running anything that it names.

The pickle's opcodes are followed, and whatever it asks for is answered by a table of a few harmless constructors:
tensors, dicts, lists. Every other class or function becomes an inert record that keeps the state that the file gives
it. Nothing is imported, and nothing that the file names is ever called.
"""

from __future__ import annotations

import collections
import functools
import io
import itertools
import math
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from score.utils.checked_pickle import CheckedUnpickler, require_plain_keys
from score.utils.errors import UserError
from score.utils.file_kinds import FileKind, file_kind

_DTYPES = {
    "FloatStorage": torch.float32, "DoubleStorage": torch.float64, "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16, "LongStorage": torch.int64, "IntStorage": torch.int32,
    "ShortStorage": torch.int16, "CharStorage": torch.int8, "ByteStorage": torch.uint8, "BoolStorage": torch.bool,
}  # fmt: skip
_LARGEST_PICKLE = 256 * 2**20
"""Longest pickle in an archive [bytes]; the tensors lie beside it."""
_MOST_COPIES = 4
"""Tensors may share their numbers: all together they may have this many times the size of the file."""
_BYTES_PER_VALUE = 8
"""What a value in a list takes of that; an empty file has room for none."""
_DEEPEST = 100
"""Levels of nested settings that are followed."""
_MOST_NODES = 10**5
"""Settings that are followed in all: a few that lie in one another twice stand for any number."""


class Inert:
    """Stands for an object of a class that is not known."""

    state: Any

    def __new__(cls, *_: Any, **__: Any) -> Inert:
        """Make one, also where a pickle leaves the constructor out."""
        made = super().__new__(cls)
        made.state = {}
        return made

    def __init__(self, *_: Any, **__: Any) -> None:
        """Take whatever is given."""

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def __setitem__(self, key: Any, value: Any) -> None:
        if isinstance(self.state, dict):
            self.state[key] = value

    def append(self, item: Any) -> None:
        """Keep nothing: lists of unknown classes are of no use."""

    def extend(self, items: Any) -> None:
        """See :meth:`append`."""


class _Unpickler(CheckedUnpickler):
    """Answers whatever a file names by a few harmless constructors."""

    def _load_build(self) -> None:
        state, made = self.stack.pop(), self.stack[-1]
        if isinstance(made, Inert):  # others would copy it, and a few bytes name a long one again and again
            made.__setstate__(state)

    dispatch: ClassVar[dict[int, Any]] = {
        key: load for key, load in CheckedUnpickler.dispatch.items() if key != pickle.BYTEARRAY8[0]
    }
    """Without the one opcode that makes room for what it announces before it reads it; torch.save has no use for it."""
    dispatch[pickle.BUILD[0]] = _load_build

    def __init__(self, archive: zipfile.ZipFile, root: str) -> None:
        super().__init__(io.BytesIO(archive.read(f"{root}/data.pkl")))
        self.archive = archive
        self.root = root
        self.storages: dict[str, Tensor] = {}
        self.room = _MOST_COPIES * sum(entry.file_size for entry in archive.infolist())

    def find_class(self, module: str, name: str) -> Any:
        if module in ("torch", "torch.storage") and name.endswith("Storage"):
            return name
        # Made anew for every mention, so that a file that writes to one changes nothing.
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda storage, offset, size, stride, *_: self._tensor(storage, offset, size, stride)
        if (module, name) == ("torch._utils", "_rebuild_parameter"):
            return lambda data, *_: data
        if (module, name) == ("collections", "OrderedDict"):
            return functools.partial(self._copy, collections.OrderedDict)
        if module == "builtins" and name in ("dict", "list", "set"):
            return functools.partial(self._copy, {"dict": dict, "list": list, "set": set}[name])
        return type("Inert", (Inert,), {})

    def persistent_load(self, entry: Any) -> Tensor:
        _, kind, key, _, _ = entry
        if kind not in _DTYPES or not str(key).isalnum():
            raise pickle.UnpicklingError(f"storage of the unknown kind {str(kind)[:40]}")
        if key not in self.storages:
            raw = self.archive.read(f"{self.root}/data/{key}")
            self.storages[key] = torch.frombuffer(bytearray(raw), dtype=torch.uint8) if raw else torch.empty(0).byte()
        return self.storages[key].view(_DTYPES[kind])

    def _copy(self, make: Callable[..., Any], *values: Any) -> Any:
        # A copy of a list takes a few bytes of the file, however long it is.
        if not all(isinstance(value, list | tuple | set | dict) for value in values):
            raise pickle.UnpicklingError("a list of what is no list")
        self.room -= _BYTES_PER_VALUE * sum(len(value) for value in values)
        if self.room < 0:
            raise pickle.UnpicklingError("more copies of lists than the file holds")
        if make is not list:
            items = (item for value in values for item in value)
            require_plain_keys(
                item[0] if make is not set and isinstance(item, list | tuple) else item for item in items
            )
        return make(*values)

    def _tensor(self, storage: Tensor, offset: int, size: Any, stride: Any) -> Tensor:
        # A stride of 0 would let a few bytes stand for a tensor of any size, and mentions of one storage for many.
        self.room -= math.prod(size) * storage.element_size()
        if math.prod(size) > storage.numel() or self.room < 0:
            raise pickle.UnpicklingError("a tensor larger than its storage, or more tensors than the file holds")
        return torch.as_strided(storage, tuple(size), tuple(stride), offset).clone()


def read_pickled(path: Path) -> Any:
    """Read a file of ``torch.save``, whatever pickled it.

    Returns:
        Its content: dicts, lists, plain values and tensors; everything else as :class:`Inert`.

    Raises:
        UserError: It is no such file, or a damaged one, or unpacks to more than it has.
    """
    found = file_kind(path)
    if found is not FileKind.ARCHIVE:
        raise UserError(f"{path} {found.value}; a checkpoint is needed that {FileKind.ARCHIVE.value}: check the path.")
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            roots = [
                entry.filename.removesuffix("/data.pkl") for entry in entries if entry.filename.endswith("/data.pkl")
            ]
            if len(roots) != 1 or sum(entry.file_size for entry in entries) > path.stat().st_size + _LARGEST_PICKLE:
                raise UserError(f"{path} unpacks to more than it has, or has two pickles: it is not read.")
            return _Unpickler(archive, roots[0]).load()
    except (
        pickle.UnpicklingError, zipfile.BadZipFile, zlib.error, struct.error, EOFError, AttributeError, TypeError,
        ValueError, LookupError, OverflowError, MemoryError, RecursionError, RuntimeError, NotImplementedError,
        AssertionError, UnicodeError,
    ) as error:  # fmt: skip
        reason = " ".join(str(error).split())[:150]
        raise UserError(f"{path} is damaged or of no known layout ({type(error).__name__}: {reason}).") from error


def tensors_of(content: Any, *keys: str) -> dict[str, Tensor]:
    """Return the tensors of a state dict somewhere in the content, by their names.

    Args:
        content: What :func:`read_pickled` returned.
        keys: Where, from the outside in.

    Raises:
        ValueError: There are far too many.
    """
    for key in keys:
        content = content.get(key) if isinstance(content, Mapping) else None
    found: dict[str, Tensor] = {}
    _flatten(content, "", found, _DEEPEST, itertools.count())
    return found


def _flatten(value: Any, name: str, found: dict[str, Tensor], levels: int, nodes: Iterator[int]) -> None:
    _require_few(nodes)
    if isinstance(value, Tensor):
        found[name] = value.contiguous()
    elif isinstance(value, Mapping) and levels:
        for key, item in value.items():
            _flatten(item, f"{name}.{key}".removeprefix("."), found, levels - 1, nodes)


def _require_few(nodes: Iterator[int]) -> None:
    if next(nodes) > _MOST_NODES:
        raise ValueError("it nests more than 100,000 settings")


def plain_settings(content: Any) -> Any:
    """Return settings as plain values: also those of OmegaConf, with references like ``${horizon}`` followed.

    What is no plain value becomes None.

    Raises:
        ValueError: There are far too many.
    """
    nodes = itertools.count()
    whole = _plain(content, _DEEPEST, nodes)
    return _resolve(whole, whole, _DEEPEST, nodes)


def _plain(value: Any, levels: int, nodes: Iterator[int]) -> Any:
    _require_few(nodes)
    if levels == 0:
        return None
    if isinstance(value, Inert):
        state = value.state if isinstance(value.state, dict) else {}
        return _plain(next((state[key] for key in ("_content", "_val") if key in state), None), levels - 1, nodes)
    if isinstance(value, Mapping):
        return {str(key): _plain(item, levels - 1, nodes) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, levels - 1, nodes) for item in value]
    return value if isinstance(value, int | float | str | bool) else None


def _resolve(value: Any, whole: Any, levels: int, nodes: Iterator[int]) -> Any:
    _require_few(nodes)
    if levels == 0:
        return None
    follow: Callable[[Any], Any] = lambda item: _resolve(item, whole, levels - 1, nodes)  # noqa: E731
    if isinstance(value, dict):
        return {key: follow(item) for key, item in value.items()}
    if isinstance(value, list):
        return [follow(item) for item in value]
    if isinstance(value, str) and value.startswith("${") and value.endswith("}"):
        target = whole
        for key in value[2:-1].split("."):
            target = target.get(key) if isinstance(target, dict) else None
        return value if target is None else follow(target)
    return value
