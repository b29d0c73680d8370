# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Bases of the latent space: what a steering code of d numbers means in the base policy's (horizon, action) noise.

A base policy was trained on noise that is N(0, I). A code of unit variance must therefore become a latent that is
N(0, I) as well: the columns of a basis are orthonormal, and the directions that they do not span are filled with
fresh noise. (Unit variance alone is not enough: repeating one row over the horizon correlates the rows, and destroys
the base policy.)
"""

# No `from __future__ import annotations` here: TorchScript reads the annotations.
import math

import torch
from torch import Tensor

from score.utils.errors import UserError, near_names

BASIS_KINDS = ("full", "repeat", "interp", "dct")
"""Names of the bases."""

NO_BASIS = "none"
"""A basis without columns: nothing is steered, and what is expanded is the noise itself."""


def basis_columns(kind: str, horizon: int, knots: int) -> Tensor:
    """Return the orthonormal columns of a basis over the rows of a latent or a chunk.

    * ``full``: the identity, every row of the latent has its own numbers.
    * ``repeat``: one constant column.
    * ``interp``: piecewise linear functions with evenly spaced knots, orthonormalised symmetrically (Löwdin), which
      keeps each column as near as possible to its own knot.
    * ``dct``: the lowest cosines of the type-II discrete cosine transform.

    Args:
        kind: One of :data:`BASIS_KINDS`, or :data:`NO_BASIS`.
        horizon: Rows, H.
        knots: Number of columns of ``interp`` and ``dct``; the other kinds ignore it.

    Returns:
        Columns, shape (H, k), float64.

    Raises:
        UserError: If the kind is unknown, or the number of knots does not fit the horizon.
    """
    if kind == NO_BASIS:
        return torch.zeros(horizon, 0, dtype=torch.float64)
    if kind not in BASIS_KINDS:
        raise UserError(
            f"agent.steering.basis: unknown basis '{kind}'; choose one of {', '.join(BASIS_KINDS)}."
            + near_names(kind, BASIS_KINDS)
        )
    if kind == "full":
        return torch.eye(horizon, dtype=torch.float64)
    if kind == "repeat":
        return torch.full((horizon, 1), horizon**-0.5, dtype=torch.float64)
    lowest = 2 if kind == "interp" else 1
    if not lowest <= knots <= horizon:
        raise UserError(
            f"agent.steering.knots: basis '{kind}' needs {lowest} to {horizon} knots (the base policy's horizon),"
            f" got {knots}."
        )
    if kind == "interp":
        rows = torch.linspace(0, knots - 1, horizon, dtype=torch.float64)
        hats = (1 - (rows[:, None] - torch.arange(knots, dtype=torch.float64)).abs()).clamp_min(0)
        eigenvalues, eigenvectors = torch.linalg.eigh(hats.T @ hats)
        return hats @ eigenvectors @ torch.diag(eigenvalues.rsqrt()) @ eigenvectors.T
    rows = torch.arange(horizon, dtype=torch.float64) + 0.5
    cosines = torch.cos(math.pi / horizon * rows[:, None] * torch.arange(knots, dtype=torch.float64))
    return cosines / cosines.norm(dim=0)


class LatentBasis(torch.nn.Module):
    """Maps codes to latents of the base policy, and back. Goes through ``torch.jit.script``.

    Attributes:
        columns: Orthonormal columns, shape (H, k).
        code_dim: Length of a code, d = k * A: knot by knot, the A numbers of a knot side by side.
    """

    columns: Tensor

    def __init__(self, kind: str, horizon: int, action_dim: int, knots: int = 2) -> None:
        """Build a basis.

        Args:
            kind: One of :data:`BASIS_KINDS`, or :data:`NO_BASIS`.
            horizon: Rows of the latent, H.
            action_dim: Columns of the latent, A.
            knots: Number of columns of ``interp`` and ``dct``.

        Raises:
            UserError: See :func:`basis_columns`.
        """
        super().__init__()
        self.kind = kind
        self.horizon = horizon
        self.action_dim = action_dim
        self.register_buffer("columns", basis_columns(kind, horizon, knots).float())
        self.knots: int = self.columns.shape[1]
        self.code_dim: int = self.knots * action_dim

    @torch.jit.export
    def expand(self, code: Tensor, noise: Tensor | None = None) -> Tensor:
        """Turn codes into latents.

        Args:
            code: Codes, shape (B, d).
            noise: N(0, I) noise for the complement, shape (B, H, A); None leaves the complement at zero.

        Returns:
            Latents, shape (B, H, A); N(0, I) if code and noise are.
        """
        if self.kind == "full":
            return code.reshape(code.shape[0], self.horizon, self.action_dim)
        if noise is None:
            return self._combine(code)
        return noise + self._combine(code - self.project(noise))

    @torch.jit.export
    def project(self, latent: Tensor) -> Tensor:
        """Read the codes (B, d) of latents (B, H, A): the inverse of :meth:`expand`, whatever the noise."""
        return torch.einsum("hk,bha->bka", self.columns, latent).reshape(latent.shape[0], self.code_dim)

    def _combine(self, code: Tensor) -> Tensor:
        knots = code.reshape(code.shape[0], self.knots, self.action_dim)
        return torch.einsum("hk,bka->bha", self.columns, knots)
