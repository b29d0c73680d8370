# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Base policies of the kind ``torchscript``: anybody's network, frozen into a TorchScript module."""

# No `from __future__ import annotations`: TorchScript reads the annotations.
import copy
import hashlib
import io
from typing import Any

import torch
from torch import Tensor

from score.policies.base_policy import BasePolicy
from score.policies.contents import BundleContents, require_finite
from score.policies.freezing.freeze import Seam
from score.policies.spec import Chunk, PolicySpec
from score.utils.errors import UserError
from score.utils.torchscript import load_checked, one_line

_NOT_SCRIPTABLE = (RuntimeError, TypeError, ValueError, AttributeError, OSError)
"""What torch raises on a module that it cannot compile; OSError where it finds no source."""


class TorchScriptPolicy(BasePolicy):
    """A TorchScript module with the methods ``encode`` and ``decode`` of a base policy.

    Normalisation, networks and sampler are all inside the module. It is loaded only if it does nothing but compute with
    tensors, see :mod:`score.utils.torchscript`; there too, why loading one runs no Python code. Only parameters and
    buffers follow :meth:`to` onto another device: constants (of a trace, or of ``torch.jit.freeze``) and the weights of
    GRU and LSTM stay where they are.
    """

    archive_sha256: Tensor
    """Hash of the module's file as 32 bytes: two modules of the same weights need not compute the same."""

    def __init__(
        self,
        archive: bytes,
        spec: PolicySpec,
        latent_shape: tuple[int, int] | None = None,
        chunk: Chunk | None = None,
        where: str = "The TorchScript module",
    ) -> None:
        """Set up.

        Args:
            archive: Content of a file of ``torch.jit.save``.
            spec: The policy's interface.
            latent_shape: See :class:`BasePolicy`.
            chunk: See :class:`BasePolicy`.
            where: What to call the module in messages.

        Raises:
            UserError: The module is refused, or does not return what the spec says.
        """
        module = load_checked(archive, where, ("encode", "decode"))
        require_finite(module.state_dict(), where)
        shape = latent_shape or (spec.horizon, len(spec.actions.names))
        super().__init__(spec, _condition_dim(module, spec, shape, where), latent_shape, chunk)
        self.archive = archive
        self.module: Any = module  # TorchScript knows no protocol for its two methods
        for parameter in self.parameters():  # a ScriptModule has no requires_grad_ of its own
            parameter.requires_grad_(False)
        digest = hashlib.sha256(archive).digest()
        self.register_buffer("archive_sha256", torch.tensor(list(digest), dtype=torch.uint8))

    @classmethod
    def from_module(
        cls,
        module: torch.nn.Module,
        spec: PolicySpec,
        latent_shape: tuple[int, int] | None = None,
        chunk: Chunk | None = None,
    ) -> "TorchScriptPolicy":
        """Freeze a module.

        Args:
            module: Any module, scripted or not, with ``encode(dict[str, Tensor]) -> Tensor`` and
                ``decode(Tensor, Tensor) -> Tensor`` as :class:`BasePolicy` describes them. It is copied.
            spec: The policy's interface.
            latent_shape: See :class:`BasePolicy`.
            chunk: See :class:`BasePolicy`.

        Raises:
            UserError: The module is no TorchScript and cannot become it, or is refused.
        """
        buffer = io.BytesIO()
        try:
            torch.jit.save(torch.jit.script(Seam(copy.deepcopy(module)).cpu().eval()), buffer)
        except _NOT_SCRIPTABLE as error:
            name = type(module).__name__
            raise UserError(f"{name} cannot be compiled to TorchScript: {one_line(error)}.") from error
        return cls(buffer.getvalue(), spec, latent_shape, chunk)

    @torch.jit.export
    def encode(self, observations: dict[str, Tensor]) -> Tensor:
        """See :meth:`BasePolicy.encode`."""
        return self.module.encode(observations)

    @torch.jit.export
    def decode(self, condition: Tensor, latent: Tensor) -> Tensor:
        """See :meth:`BasePolicy.decode`."""
        return self.module.decode(condition, latent)

    def forward(self, observations: dict[str, Tensor], latent: Tensor) -> Tensor:
        """``decode(encode(observations), latent)``."""
        return self.decode(self.encode(observations), latent)


def write_torchscript(policy: TorchScriptPolicy, metadata: dict[str, str]) -> tuple[dict[str, Any], bytes]:
    """No settings of its own, and the file as it was read; it has no place for metadata."""
    return {}, policy.archive


def read_torchscript(contents: BundleContents) -> TorchScriptPolicy:
    """Make the policy.

    Raises:
        UserError: The module is refused, or does not return what the settings say.
    """
    where = str(contents.weights_path)
    return TorchScriptPolicy(contents.weights, contents.spec, contents.latent_shape, contents.chunk, where)


def _condition_dim(module: Any, spec: PolicySpec, latent_shape: tuple[int, int], where: str) -> int:
    """Run the module once on zeros: what it returns decides, not what a file says about it."""
    windows = {name: torch.zeros(2, *entry.window_shape) for name, entry in spec.observations.items()}
    try:
        with torch.no_grad():
            condition = module.encode(windows)
            actions = module.decode(condition, torch.zeros(2, *latent_shape))
    except RuntimeError as error:
        raise UserError(f"{where} does not run on what its spec describes: {one_line(error)}.") from error
    wanted = (2, spec.horizon, len(spec.actions.names))
    if condition.ndim != 2 or condition.shape[0] != 2 or tuple(actions.shape) != wanted:
        raise UserError(
            f"{where} returned a condition {tuple(condition.shape)} and actions {tuple(actions.shape)} for a batch of"
            f" 2: (2, C) and {wanted} are needed."
        )
    return condition.shape[1]
