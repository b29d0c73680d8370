# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""The project's own objects as closed meshes: cup, bottle, flask, bowl, plate, card, cube, ball, peg and socket block.

They are the truth that scans and simulation assets are measured against, and what tasks manipulate where no real scan
is at hand. A mesh is the object, not an approximation of a rounder one: a cup is a solid with 96 flat sides, so its
volume, centre and inertia, integrals over a polyhedron, are exact.

Frame: z up, the object stands on ``z = 0`` as it rests on a table, its vertical axis is the z axis (the flask lies,
its neck along x). Units: metres, kilograms. Needs trimesh and manifold3d, both imported when a mesh is made.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from score_assets.objects.peg_socket import PEG_SOCKET, PegSocketCfg
from score_assets.shapes import BoxShape

if TYPE_CHECKING:
    import manifold3d
    import trimesh

__all__ = ["GROUND_TRUTH", "SEGMENTS", "GroundTruth", "MassProperties", "mass_properties"]

SEGMENTS = 96
"""Flat sides of every round object: the sagitta of a 40 mm radius is 0.02 mm, far below any scanner's error."""


@dataclass(frozen=True)
class MassProperties:
    """Exact mass properties of a closed mesh of even density."""

    volume: float
    """Enclosed volume [m^3]."""
    mass: float
    """Mass [kg]."""
    center: NDArray[np.float64]
    """Centre of mass in the object's frame [m], shape (3,)."""
    inertia: NDArray[np.float64]
    """Inertia tensor about the centre of mass, axes of the object's frame [kg m^2], shape (3, 3)."""


@dataclass(frozen=True)
class GroundTruth:
    """One of the project's own objects."""

    name: str
    """Name, also the name of its asset folder."""
    build: Callable[[], manifold3d.Manifold]
    """Makes the closed solid in the object's frame [m]."""
    density: float
    """Density of the material [kg/m^3]."""
    friction: float
    """Friction coefficient of the surface."""
    wall: float
    """Thinnest wall [m]: thin ones decide whether a scan's volume can be trusted."""
    color: tuple[float, float, float]
    """Base colour (red, green, blue), 0 to 1, of virtual scans."""
    collision: str = "auto"
    """Collision policy of ``reconstruct.py asset`` that suits it."""

    def __post_init__(self) -> None:
        if min(self.density, self.wall) <= 0.0 or self.friction < 0.0:
            raise ValueError(f"GroundTruth '{self.name}': density and wall must be positive, friction not negative.")

    def mesh(self) -> trimesh.Trimesh:
        """Return the closed surface [m], outward normals, deterministic."""
        import trimesh

        data = self.build().to_mesh64()
        vertices = np.asarray(data.vert_properties, dtype=np.float64)[:, :3]
        return trimesh.Trimesh(vertices, np.asarray(data.tri_verts, dtype=np.int64), process=False)

    @property
    def properties(self) -> MassProperties:
        """Volume, mass, centre and inertia."""
        return mass_properties(self.mesh(), self.density)


def mass_properties(mesh: trimesh.Trimesh, density: float) -> MassProperties:
    """Integrate volume, centre and inertia over a closed mesh (exact for a polyhedron).

    Args:
        mesh: Closed mesh with outward normals [m].
        density: Even density [kg/m^3].

    Raises:
        ValueError: The mesh is not closed, or its normals point inwards.
    """
    if not mesh.is_watertight or mesh.volume <= 0.0:
        raise ValueError("Mass properties need a closed mesh with outward normals.")
    solid = mesh.copy()
    solid.density = density
    return MassProperties(
        volume=float(solid.volume),
        mass=float(density * solid.volume),
        center=np.asarray(solid.center_mass, dtype=np.float64),
        inertia=np.asarray(solid.moment_inertia, dtype=np.float64),
    )


def _revolved(profile: Sequence[tuple[float, float]]) -> manifold3d.Manifold:
    """Turn a closed counter-clockwise polygon (radius, z) [m] about the z axis."""
    import manifold3d

    return manifold3d.Manifold.revolve(manifold3d.CrossSection([np.asarray(profile, dtype=np.float64)]), SEGMENTS)


def _block(box: BoxShape) -> manifold3d.Manifold:
    import manifold3d

    return manifold3d.Manifold.cube(2.0 * np.asarray(box.half_size), True).translate(np.asarray(box.center))


def _arc(center: tuple[float, float], radius: float, start: float, end: float, count: int) -> list[tuple[float, float]]:
    """Points (radius, z) on an arc in the profile plane; angles in degrees from the radial axis."""
    angles = np.radians(np.linspace(start, end, count))
    return [(center[0] + radius * math.cos(a), center[1] + radius * math.sin(a)) for a in angles.tolist()]


def _cup(
    height: float = 0.105, bottom: float = 0.034, top: float = 0.040, wall: float = 0.003, floor: float = 0.004
) -> manifold3d.Manifold:
    """Conical tumbler without a handle; ``bottom`` and ``top`` are outer radii."""
    at_floor = bottom + (top - bottom) * floor / height
    return _revolved(
        [(0.0, 0.0), (bottom, 0.0), (top, height), (top - wall, height), (at_floor - wall, floor), (0.0, floor)]
    )


def _bottle() -> manifold3d.Manifold:
    """Make a filled round bottle with a shoulder, a neck and a cap: 66 mm wide, 195 mm high."""
    shoulder = _arc((0.013, 0.120), 0.020, 0.0, 80.0, 9)
    profile = [(0.0, 0.0), (0.030, 0.0), (0.033, 0.003), *shoulder, (0.014, 0.150), (0.014, 0.165)]
    return _revolved([*profile, (0.017, 0.165), (0.017, 0.190), (0.014, 0.195), (0.0, 0.195)])


def _bowl(
    radius: float = 0.074, wall: float = 0.0035, foot: float = 0.030, height: float = 0.052
) -> manifold3d.Manifold:
    """Part of a spherical shell on a flat foot: 145 mm wide, 53 mm high."""
    center = math.sqrt(radius**2 - foot**2)
    rim = math.degrees(math.asin((height - center) / radius))
    outside = _arc((0.0, center), radius, -math.degrees(math.acos(foot / radius)), rim, 25)
    floor = math.degrees(math.asin((wall - center) / (radius - wall)))
    inside = _arc((0.0, center), radius - wall, rim, floor, 25)
    return _revolved([(0.0, 0.0), *outside, *inside, (0.0, wall)])


def _plate() -> manifold3d.Manifold:
    """Flat plate with a raised rim: 190 mm wide, 18 mm high, 4 mm thick."""
    under = [(0.0, 0.0), (0.058, 0.0), (0.070, 0.005), (0.095, 0.014), (0.095, 0.018)]
    return _revolved([*under, (0.093, 0.018), (0.068, 0.009), (0.056, 0.004), (0.0, 0.004)])


def _flask() -> manifold3d.Manifold:
    """Flat bottle lying on its broad side, its neck along +x: body 130 x 66 x 46 mm, 205 mm long in all."""
    import manifold3d

    half = 0.023
    profile = [(-0.065, -0.029), (-0.061, -0.033), (0.050, -0.033), (0.070, -0.014)]
    outline = [*profile, *[(x, -y) for x, y in reversed(profile)]]
    body = manifold3d.Manifold.extrude(manifold3d.CrossSection([np.asarray(outline)]), 2.0 * half)
    neck = manifold3d.Manifold.cylinder(0.080, 0.014, -1.0, SEGMENTS).rotate((0.0, 90.0, 0.0))
    return body + neck.translate((0.060, 0.0, half))


def _box(x: float, y: float, z: float) -> manifold3d.Manifold:
    return _block(BoxShape((0.0, 0.0, z / 2.0), (x / 2.0, y / 2.0, z / 2.0)))


def _ball(radius: float = 0.030) -> manifold3d.Manifold:
    import manifold3d

    return manifold3d.Manifold.sphere(radius, SEGMENTS).translate((0.0, 0.0, radius))


def _peg(cfg: PegSocketCfg = PEG_SOCKET) -> manifold3d.Manifold:
    """Make the peg of the insertion task, standing on its end."""
    return _block(cfg.peg_box).translate((0.0, 0.0, cfg.peg_length / 2.0))


def _socket(cfg: PegSocketCfg = PEG_SOCKET) -> manifold3d.Manifold:
    """Make the socket of the insertion task as one block: boxes that only touch would not become one solid."""
    outer, inner = cfg.outer_width / 2.0, cfg.hole_width / 2.0
    block = _block(BoxShape((0.0, 0.0, cfg.rim_height / 2.0), (outer, outer, cfg.rim_height / 2.0)))
    return block - _block(BoxShape((0.0, 0.0, cfg.base_thickness + cfg.depth), (inner, inner, cfg.depth)))


GROUND_TRUTH: dict[str, GroundTruth] = {
    item.name: item
    for item in (
        GroundTruth("cup", _cup, 1300.0, 0.5, 0.003, (0.85, 0.45, 0.55)),
        GroundTruth("bottle", _bottle, 950.0, 0.5, 0.028, (0.80, 0.65, 0.20)),
        GroundTruth("flask", _flask, 600.0, 0.5, 0.028, (0.55, 0.35, 0.15)),
        GroundTruth("bowl", _bowl, 1500.0, 0.4, 0.0035, (0.55, 0.70, 0.85)),
        GroundTruth("plate", _plate, 1500.0, 0.4, 0.004, (0.90, 0.88, 0.80)),
        GroundTruth("card", lambda: _box(0.0856, 0.054, 0.001), 1380.0, 0.4, 0.001, (0.20, 0.35, 0.70)),
        GroundTruth("cube", lambda: _box(0.05, 0.05, 0.05), 800.0, 0.5, 0.05, (0.75, 0.30, 0.25)),
        GroundTruth("ball", _ball, 500.0, 0.6, 0.06, (0.95, 0.75, 0.30)),
        GroundTruth(
            "peg",
            _peg,
            PEG_SOCKET.peg_mass / (PEG_SOCKET.peg_width**2 * PEG_SOCKET.peg_length),
            PEG_SOCKET.peg_friction,
            PEG_SOCKET.peg_width,
            (0.90, 0.40, 0.10),
            "primitive",
        ),
        GroundTruth(
            "socket",
            _socket,
            2700.0,
            PEG_SOCKET.socket_friction,
            PEG_SOCKET.base_thickness,
            (0.20, 0.40, 0.80),
            "fit:slot",
        ),
    )
}
"""Name -> object. Plastics, wood and aluminium; the bottle is filled, the peg has the mass of the insertion task's."""
