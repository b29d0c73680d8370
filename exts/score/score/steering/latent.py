# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Bases of the latent space: what a steering code of d numbers means in the base policy's (horizon, action) noise.

A base policy was trained on noise that is N(0, I). A code of unit variance must therefore become a latent that is
N(0, I) as well: the columns of a basis are orthonormal, and the directions that they do not span are filled with
fresh noise. (Unit variance alone is not enough: repeating one row over the horizon correlates the rows, and destroys
the base policy.)
"""

from __future__ import annotations

import math

import torch

from score.utils.errors import UserError, near_names

BASIS_KINDS = ("full", "repeat", "interp", "dct")
"""Names of the bases."""


def basis_columns(kind: str, horizon: int, knots: int) -> torch.Tensor:
    """Return the orthonormal columns of a basis over the horizon.

    * ``full``: the identity, every row of the latent has its own numbers.
    * ``repeat``: one constant column.
    * ``interp``: piecewise linear functions with evenly spaced knots, orthonormalised symmetrically (Löwdin), which
      keeps each column as near as possible to its own knot.
    * ``dct``: the lowest cosines of the type-II discrete cosine transform.

    Args:
        kind: One of :data:`BASIS_KINDS`.
        horizon: Rows of the latent, H.
        knots: Number of columns of ``interp`` and ``dct``; the other kinds ignore it.

    Returns:
        Columns, shape (H, k), float64.

    Raises:
        UserError: If the kind is unknown, or the number of knots does not fit the horizon.
    """
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


class LatentBasis:
    """Maps codes to latents of the base policy.

    Attributes:
        columns: Orthonormal columns, shape (H, k).
        code_dim: Length of a code, d = k * A.
    """

    def __init__(
        self, kind: str, horizon: int, action_dim: int, knots: int = 2, device: torch.device | str = "cpu"
    ) -> None:
        """Build a basis.

        Args:
            kind: One of :data:`BASIS_KINDS`.
            horizon: Rows of the latent, H.
            action_dim: Columns of the latent, A.
            knots: Number of columns of ``interp`` and ``dct``.
            device: Device of the columns.

        Raises:
            UserError: See :func:`basis_columns`.
        """
        self.kind = kind
        self.horizon = horizon
        self.action_dim = action_dim
        self.columns = basis_columns(kind, horizon, knots).to(dtype=torch.float32, device=device)
        self.code_dim = self.columns.shape[1] * action_dim

    @property
    def needs_noise(self) -> bool:
        """Whether the columns leave a complement that has to be filled with noise."""
        return self.columns.shape[1] < self.horizon

    def sample_noise(self, batch: int, generator: torch.Generator | None = None) -> torch.Tensor | None:
        """Draw what :meth:`expand` fills the complement with.

        Args:
            batch: Number of latents, B.
            generator: Random generator on the basis' device; torch's global one if None.

        Returns:
            N(0, I) noise, shape (B, H, A), or None where the basis has no complement.
        """
        if not self.needs_noise:
            return None
        return torch.randn(
            batch, self.horizon, self.action_dim, generator=generator, device=self.columns.device, dtype=torch.float32
        )

    def expand(self, code: torch.Tensor, noise: torch.Tensor | None = None) -> torch.Tensor:
        """Turn codes into latents.

        Args:
            code: Codes, shape (B, k * A): knot by knot, the A numbers of a knot side by side.
            noise: N(0, I) noise for the complement, shape (B, H, A); None leaves the complement at zero.

        Returns:
            Latents, shape (B, H, A); N(0, I) if code and noise are.
        """
        knots = code.reshape(len(code), -1, self.action_dim)
        if not self.needs_noise:
            return knots if self.kind == "full" else torch.einsum("hk,bka->bha", self.columns, knots)
        latent = torch.einsum("hk,bka->bha", self.columns, knots)
        if noise is None:
            return latent
        return latent + noise - torch.einsum("hk,gk,bga->bha", self.columns, self.columns, noise)
