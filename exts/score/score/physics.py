# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Engine settings that hold a grasp and a 1 mm fit (measured; docs/RESULTS.md, section Contact).

Tasks and the drop test of assets share them, so that an asset is checked under the settings it will be used with.
"""

from __future__ import annotations

from isaaclab.utils import configclass
from isaaclab_newton.physics import MJWarpSolverCfg, NewtonCfg, NewtonShapeCfg
from isaaclab_newton.physics.newton_collision_cfg import NewtonCollisionPipelineCfg

PHYSICS_DT = 1.0 / 120.0
"""Physics step, s: coarser steps let pads sink into the peg (ovphysx) or are unstable at contact (MuJoCo-Warp)."""


@configclass
class SparseMJWarpSolverCfg(MJWarpSolverCfg):
    """MuJoCo-Warp's solver with a sparse constraint Jacobian.

    On a CPU the dense form spends three quarters of its time on the elliptic cones' Hessian, over every slot of the
    contact buffer; the sparse form visits active rows only. Isaac Lab forwards every field that the solver's
    constructor takes.
    """

    jacobian: str = "sparse"
    """``sparse``, ``dense`` or ``auto`` (MuJoCo's rule: dense below 60 degrees of freedom)."""


def newton_mjwarp(njmax: int, nconmax: int) -> NewtonCfg:
    """MuJoCo-Warp in Newton: solver step 4.2 ms, elliptic cones, Newton's own contacts (no hulls), stiff shapes.

    Args:
        njmax: Constraint rows per environment; what overflows corrupts the physics.
        nconmax: Contacts per environment.
    """
    return NewtonCfg(
        solver_cfg=SparseMJWarpSolverCfg(
            njmax=njmax,
            nconmax=nconmax,
            iterations=100,
            ls_iterations=50,
            cone="elliptic",
            integrator="implicitfast",
            impratio=10.0,
            solver="newton",
            use_mujoco_contacts=False,
            tolerance=1e-6,
        ),
        default_shape_cfg=NewtonShapeCfg(ke=15600.0, kd=263.0, gap=0.002),
        num_substeps=2,
        collision_decimation=1,
        collision_cfg=NewtonCollisionPipelineCfg(),
        use_cuda_graph=True,  # on a GPU; a CPU has none
    )


def allow_unpinned_host_memory() -> None:
    """Lets isaaclab_ov allocate its host buffers on a machine without CUDA.

    It asks for *pinned* memory, which Warp gets from the CUDA driver only; without a GPU plain memory is the same.
    """
    import warp as wp

    wp.init()
    if not wp.is_cuda_available():
        cpu = wp.get_device("cpu")
        cpu.pinned_allocator = cpu.default_allocator
