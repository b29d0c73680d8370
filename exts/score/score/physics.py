# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Engine settings that hold a grasp and a 1 mm fit (measured; docs/notebook/insert.md, section Contact).

Tasks and the drop test of assets share them, so that an asset is checked under the settings it will be used with.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from isaaclab.physics import PhysicsManager
from isaaclab.utils import configclass
from isaaclab_newton.physics import MJWarpSolverCfg, NewtonCfg, NewtonShapeCfg
from isaaclab_newton.physics.newton_collision_cfg import NewtonCollisionPipelineCfg

if TYPE_CHECKING:
    from isaaclab.envs import ManagerBasedRLEnv

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


PLAIN_FRICTION = 0.5
"""Friction of what has no physics material, such as a table: Isaac Lab's default on PhysX. Newton's own is 1, and
MuJoCo takes the larger of two: an object would never slide where fingers centre it."""


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
        default_shape_cfg=NewtonShapeCfg(ke=15600.0, kd=263.0, gap=0.002, mu=PLAIN_FRICTION),
        num_substeps=2,
        collision_decimation=1,
        collision_cfg=NewtonCollisionPipelineCfg(),
        use_cuda_graph=True,  # on a CPU see record_physics_steps
    )


def allow_unpinned_host_memory() -> None:
    """Let isaaclab_ov allocate its host buffers on a machine without CUDA.

    It asks for *pinned* memory, which Warp gets from the CUDA driver only; without a GPU plain memory is the same.
    """
    import warp as wp

    wp.init()
    if not wp.is_cuda_available():
        cpu = wp.get_device("cpu")
        cpu.pinned_allocator = cpu.default_allocator


@contextlib.contextmanager
def physx_threads(cores: int) -> Iterator[None]:
    """Start PhysX with as many threads as there are cores, and with none of its own on one: the caller steps it then.

    Isaac Lab asks for 8, whatever the machine: where there are fewer cores, they wait for each other. A single thread
    beside the caller's waits as well, for whole time slices of whatever shares the core. The states are the same bits.

    Args:
        cores: Cores of this process, at least one.
    """
    import ovphysx

    asked = ovphysx.PhysXConfig

    class Config(asked):  # type: ignore[misc, valid-type]
        def __post_init__(self) -> None:
            self.num_threads = cores if cores > 1 else 0
            super().__post_init__()

    ovphysx.PhysXConfig = Config
    try:
        yield
    finally:
        ovphysx.PhysXConfig = asked


_PER_ENV = {
    "gpu_max_rigid_contact_count": 512,
    "gpu_max_rigid_patch_count": 128,
    "gpu_found_lost_pairs_capacity": 256,
    "gpu_found_lost_aggregate_pairs_capacity": 256,
    "gpu_total_aggregate_pairs_capacity": 128,
    "gpu_collision_stack_size": 16 * 1024,
}
"""What an environment may need of PhysX's buffers on a GPU (points, patches of about four points, pairs, bytes). A hand
around an object made of 42 pieces fits MuJoCo-Warp's 150 contacts; PhysX keeps more points for a contact."""


def size_gpu_buffers(physics_cfg: Any, num_envs: int) -> None:
    """Enlarge the buffers that PhysX has for contacts on a GPU to what so many environments may need, in place.

    Isaac Lab's sizes do not depend on the number of environments: its patches are 10 for each of 16,384. What does not
    fit is lost, with a line on the screen. A buffer that is larger already stays as it is.

    Args:
        physics_cfg: Settings of an engine; those of an engine without such buffers stay as they are.
        num_envs: Number of environments.
    """
    for name, count in _PER_ENV.items():
        if hasattr(physics_cfg, name):
            needed = 1 << (count * num_envs - 1).bit_length()
            setattr(physics_cfg, name, max(getattr(physics_cfg, name), min(needed, 2**31)))


class FoldedSteps:
    """Isaac Lab's manager of ovphysx, but that one call does all physics steps of a control step.

    Isaac Lab hands over targets and reads the state back in every physics step. Where targets do not change within a
    control step and nobody looks at the states between, that is a third of the time on a CPU, and the same physics.
    """

    def __init__(self, manager: Any, scene: Any, count: int) -> None:
        """Wrap the manager.

        Args:
            manager: ``OvPhysxManager``, a class that is its own only instance; all but the step is left to it.
            scene: The ``InteractiveScene``.
            count: Physics steps in a control step.
        """
        self._manager = manager
        self._scene = scene
        self._count = count
        self._assets = [*scene.articulations.values(), *scene.rigid_objects.values()]

    def __getattr__(self, name: str) -> Any:
        """Return what the manager has."""
        return getattr(self._manager, name)

    def handles_decimation(self) -> bool:
        """One step is all of a control step."""
        return True

    def step(self) -> None:
        """Do the physics steps of a control step."""
        physx, dt = self._manager.get_physx_instance(), self._manager.get_physics_dt()
        composers = [asset.permanent_wrench_composer for asset in self._assets]
        if any(composer is not None and composer.active for composer in composers):
            # PhysX forgets a force after a step: Isaac Lab has to hand it over before each.
            for _ in range(self._count - 1):
                self._manager.step()
                self._scene.update(dt)
                self._scene.write_data_to_sim()
        else:
            physx.step_n_sync(self._count - 1, dt)
            PhysicsManager._sim_time += (self._count - 1) * dt
        self._manager.step()  # the last one, with all that Isaac Lab does after a step


def fold_physics_steps(env: ManagerBasedRLEnv) -> bool:
    """Let one call do all physics steps of a control step, where that is the same.

    Args:
        env: The environment, just made.

    Returns:
        Whether it does now: the engine is ovphysx, and no target arrives with a delay.
    """
    terms = [env.action_manager.get_term(name) for name in env.action_manager.active_terms]
    late = any(max(getattr(term.cfg, "delay_range", (0,))) > 0 for term in terms)
    if late or env.cfg.decimation < 2 or type(env.cfg.sim.physics).__name__ != "OvPhysxCfg":
        return False
    env.sim.physics_manager = FoldedSteps(env.sim.physics_manager, env.scene, env.cfg.decimation)
    env._physics_handles_decimation = True
    return True


class RecordedSteps:
    """Isaac Lab's manager of Newton on a CPU, but that Warp replays a physics step that it has recorded.

    A physics step of MuJoCo-Warp is some 400 kernels. Started one by one from Python, that is most of the time on a
    CPU, however few the environments. On a GPU Isaac Lab records them itself.
    """

    def __init__(self, manager: Any) -> None:
        """Wrap the manager.

        Args:
            manager: A ``NewtonManager``, a class that is its own only instance; all but the kernels is left to it.
        """
        self._manager = manager.step.__self__  # Isaac Lab has the class behind a name
        self._graph: Any = None
        self._warm = False

    def __getattr__(self, name: str) -> Any:
        """Return what the manager has."""
        return getattr(self._manager, name)

    def step(self) -> None:
        """Do a physics step, or all of a control step where the manager does."""
        name = "_simulate_full" if self._manager._is_all_graphable() else "_simulate_physics_only"
        start, own = getattr(self._manager, name), vars(self._manager).get(name)
        setattr(self._manager, name, staticmethod(lambda: self._replay(start)))
        try:
            self._manager.step()
        finally:
            if own is None:
                delattr(self._manager, name)
            else:
                setattr(self._manager, name, own)

    def _replay(self, start: Callable[[], None]) -> None:
        """Run the kernels that ``start`` starts; the first time it starts them itself, which loads and allocates."""
        if not self._warm:
            self._warm = True
            start()
            return
        import warp as wp

        if self._graph is None:
            with wp.ScopedCapture(device="cpu") as capture:
                start()
            self._graph = capture.graph
        wp.capture_launch(self._graph)


def record_physics_steps(env: ManagerBasedRLEnv) -> bool:
    """Let Warp replay the kernels of a physics step on a CPU. The states are the same to the last bit.

    Args:
        env: The environment, just made.

    Returns:
        Whether it does now: the engine is Newton, on a CPU.
    """
    physics = env.cfg.sim.physics
    if not isinstance(physics, NewtonCfg) or not physics.use_cuda_graph or str(env.device) != "cpu":
        return False
    env.sim.physics_manager = RecordedSteps(env.sim.physics_manager)
    return True
