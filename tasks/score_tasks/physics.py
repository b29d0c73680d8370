# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Physics engines with the settings that hold a grasp and a 1 mm fit (measured; docs/RESULTS.md, section Contact)."""

from __future__ import annotations

from isaaclab.physics import PhysicsCfg
from isaaclab.utils import configclass
from isaaclab_newton.physics import MJWarpSolverCfg, NewtonCfg, NewtonShapeCfg
from isaaclab_newton.physics.newton_collision_cfg import NewtonCollisionPipelineCfg
from isaaclab_ov.physics import OvPhysxCfg
from isaaclab_physx.physics import PhysxCfg
from isaaclab_tasks.utils import PresetCfg

PHYSICS_DT = 1.0 / 120.0
"""Physics step, s: coarser steps let pads sink into the peg (ovphysx) or are unstable at contact (MuJoCo-Warp)."""

DECIMATION = 12
"""Physics steps per control step: 10 Hz control."""


@configclass
class SparseMJWarpSolverCfg(MJWarpSolverCfg):
    """MuJoCo-Warp's solver with a sparse constraint Jacobian.

    On a CPU the dense form spends three quarters of its time on the elliptic cones' Hessian, over every slot of the
    contact buffer; the sparse form visits active rows only. Isaac Lab forwards every field that the solver's
    constructor takes.
    """

    jacobian: str = "sparse"
    """``sparse``, ``dense`` or ``auto`` (MuJoCo's rule: dense below 60 degrees of freedom)."""


NEWTON_MJWARP = NewtonCfg(
    solver_cfg=SparseMJWarpSolverCfg(
        njmax=200,
        nconmax=48,
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
    use_cuda_graph=False,
)
"""MuJoCo-Warp in Newton: solver step 4.2 ms, elliptic cones, Newton's own contacts (no hulls), stiff shapes."""


@configclass
class SimPhysicsCfg(PresetCfg):
    """Engines of the training side; PhysX by default (``physics=newton_mjwarp`` for the other)."""

    ovphysx: PhysicsCfg = OvPhysxCfg(enable_external_forces_every_iteration=True)
    newton_mjwarp: PhysicsCfg = NEWTON_MJWARP
    isaacsim_physx: PhysicsCfg = PhysxCfg(enable_external_forces_every_iteration=True)
    default: PhysicsCfg = ovphysx


@configclass
class RealPhysicsCfg(SimPhysicsCfg):
    """Engines of the stand-in for the robot: by default the one that training does not use."""

    default: PhysicsCfg = NEWTON_MJWARP
