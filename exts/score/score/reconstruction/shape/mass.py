# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Mass, centre of mass and inertia: a weighed mass first, then a density and a volume that can be trusted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import trimesh
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from score.reconstruction.scan.closing import wall_thickness
from score.reconstruction.settings import DENSITIES, MASS_UNITS, AssetCfg
from score.utils.errors import UserError

DENSITY_RANGE = (20.0, 20_000.0)
"""From expanded foam to gold [kg/m^3]."""
THIN_WALL = 0.006
"""Scans get walls below this wrong by tens of percent of their thickness, so their volume is no mass [m]."""


@dataclass(frozen=True)
class MassProperties:
    """Mass properties in the asset frame."""

    mass: float
    """Mass [kg]."""
    center: NDArray[np.float64]
    """Centre of mass [m], shape (3,)."""
    inertia: NDArray[np.float64]
    """Principal moments about the centre of mass [kg m^2], ascending, shape (3,)."""
    axes: tuple[float, float, float, float]
    """Orientation of the principal axes (x, y, z, w)."""
    source: str
    """Where the mass comes from."""
    wall: float
    """Median wall thickness of the closed mesh [m]."""


def mass_properties(closed: trimesh.Trimesh, surface_area: float, cfg: AssetCfg) -> MassProperties:
    """Work out mass, centre and inertia.

    Args:
        closed: Closed mesh [m], asset frame; assumed to be of even density.
        surface_area: Area of the scanned surface [m^2], for a thin wall.
        cfg: Weighed mass, or material and wall thickness.

    Raises:
        UserError: The mass cannot be known: nothing was given, or the walls are thin and their thickness was not.
    """
    wall = float(np.median(wall_thickness(closed)))  # a closed mesh stops every ray
    volume = float(closed.volume)
    if cfg.mass is not None:
        require_plausible_mass(cfg.mass, volume)
        mass, source = cfg.mass, "weighed (--mass)"
    elif cfg.material is None:
        raise UserError("mass: neither --mass nor --material was given: weigh the object and give --mass in kg.")
    elif cfg.wall is not None:
        # Both sides of a wall were scanned where the closed mesh is thin itself, else the outside only.
        sides = 2.0 if wall < 3.0 * cfg.wall else 1.0
        mass = surface_area / sides * cfg.wall * DENSITIES[cfg.material]
        source = f"{cfg.material}, wall {cfg.wall * 1e3:.2f} mm over {'half ' if sides == 2.0 else ''}the surface"
    elif wall < THIN_WALL:
        raise UserError(
            f"mass: the walls are thin (median {wall * 1e3:.1f} mm, limit {THIN_WALL * 1e3:.0f} mm), and a scan gets"
            " the volume of thin walls wrong by tens of percent: weigh it and give --mass, or add --wall in mm."
        )
    else:
        mass, source = volume * DENSITIES[cfg.material], f"{cfg.material}, solid of {volume * 1e6:.1f} ml"
    shell = cfg.wall is not None and wall >= 3.0 * cfg.wall
    center, tensor = _shell(closed, mass) if shell else _solid(closed, mass)
    moments, axes = principal(tensor)
    return MassProperties(mass, center, moments, axes, source, wall)


def require_plausible_mass(mass: float, volume: float) -> None:
    """Check that some solid could have a mass at a volume.

    Args:
        mass: What the user says [kg].
        volume: Volume of the closed scan [m^3].

    Raises:
        UserError: The density lies outside :data:`DENSITY_RANGE`; the message names the unit that was likely meant.
    """
    density = mass / volume
    low, high = DENSITY_RANGE
    if low <= density <= high:
        return
    likely = [name for name, unit in MASS_UNITS.items() if name != "kg" and low <= density * unit <= high]
    meant = f"was {mass:g} {likely[0]} meant (--mass {mass:g}{likely[0]})?" if likely else "check the scale."
    # A file without a unit has often been scaled to a longest side of 1.
    factor = (density / 1000.0) ** (1.0 / 3.0)
    raise UserError(
        f"mass: {mass:g} kg in {volume * 1e6:.3g} ml are {density:.3g} kg/m^3, and things have {low:g} to {high:g}:"
        f" {meant} Else the scan's unit is wrong (as water it would be {factor:.2g} times as long): give --unit or"
        " --known-length."
    )


def principal(tensor: NDArray[np.float64]) -> tuple[NDArray[np.float64], tuple[float, float, float, float]]:
    """Principal moments and axes of an inertia tensor.

    Args:
        tensor: Symmetric, shape (3, 3) [kg m^2].

    Returns:
        Moments, ascending, shape (3,), and the orientation of their axes (x, y, z, w).

    Raises:
        UserError: No body has such an inertia.
    """
    moments, vectors = np.linalg.eigh((tensor + tensor.T) / 2.0)
    if moments[0] <= 0.0 or moments[2] > (moments[0] + moments[1]) * (1.0 + 1e-6):
        raise UserError(
            f"mass: the moments of inertia {moments.tolist()} are not those of a body: the closed mesh is broken; give"
            " another --voxel (mm)."
        )
    for column in range(2):
        # An axis and its opposite are one: choose, so that the same scan gives the same file.
        if vectors[np.argmax(np.abs(vectors[:, column])), column] < 0.0:
            vectors[:, column] *= -1.0
    vectors[:, 2] = np.cross(vectors[:, 0], vectors[:, 1])
    x, y, z, w = Rotation.from_matrix(vectors).as_quat()
    return moments, (float(x), float(y), float(z), float(w))


def _solid(mesh: trimesh.Trimesh, mass: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    properties = trimesh.triangles.mass_properties(mesh.triangles, density=mass / mesh.volume, skip_inertia=False)
    return np.asarray(properties.center_mass), np.asarray(properties.inertia)


def _shell(mesh: trimesh.Trimesh, mass: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weigh a thin even wall: each triangle's mass sits at the middles of its edges, which is exact to second order."""
    triangles = np.asarray(mesh.triangles)
    points = (triangles + np.roll(triangles, 1, axis=1)).reshape(-1, 3) / 2.0
    weights = np.repeat(np.asarray(mesh.area_faces), 3)
    weights = mass * weights / weights.sum()
    center = weights @ points / mass
    arms = points - center
    second = (weights[:, None] * arms).T @ arms
    return center, np.trace(second) * np.eye(3) - second
