# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Isaac Lab's viewers on a task: whom they listen to, where they look from, and what they show besides the scene."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from score.utils.errors import UserError

if TYPE_CHECKING:
    from isaaclab.envs import ManagerBasedRLEnv

__all__ = ["Panels", "viewer_settings"]

_ALL = "all"


def viewer_settings(viewers: Sequence[str], host: str) -> list[Any]:
    """Make the settings of the viewers that a browser shows; the others keep their own.

    Args:
        viewers: Names of viewers.
        host: Address to listen on; 0.0.0.0 lets other machines in.

    Raises:
        UserError: A viewer's package is not installed.
    """
    try:
        from isaaclab_visualizers.rerun import RerunVisualizerCfg
        from isaaclab_visualizers.viser import ViserVisualizerCfg
    except ModuleNotFoundError as error:
        raise UserError(f"A viewer needs the package '{error.name}': install the extra 'viz'.") from error
    kinds = {"viser": ViserVisualizerCfg, "rerun": RerunVisualizerCfg}
    first = {"bind_address": host, "visible_env_indices": [0], "live_plots_update_interval": 1}
    settings = [kinds[name](**first) for name in viewers if name in kinds]
    for item in settings:
        if hasattr(item, "display_address") and host not in ("0.0.0.0", "::"):
            item.display_address = host
    return settings


class Panels:
    """What the viewers of an environment show: one of its copies from the task's view, a line of text, plots."""

    def __init__(self, env: ManagerBasedRLEnv, plots: Mapping[str, Callable[[], float]]) -> None:
        """Set the viewers up.

        Args:
            env: The environment, just made.
            plots: Name of a plot -> gives its value now; read as often as the viewer draws.
        """
        self._viewers: list[Any] = list(env.sim.visualizers)
        self._view = env.sim.cfg.default_visualizer_cfg
        self._origins = env.scene.env_origins.cpu().numpy()
        self._texts: list[Any] = []
        self._chosen, self._shown = "0", ""
        for viewer in self._viewers:
            viewer.add_live_plots({}, scalars={"steering": dict(plots)})
            if viewer.cfg.visualizer_type == "viser":
                # Isaac Lab has no public way to its server, nor Newton.
                self._add_to_sidebar(viewer._viewer._server.gui, env.num_envs)
        self.update("")

    def update(self, text: str) -> None:
        """Show a line of text, and the copy that was chosen meanwhile; called once a control step."""
        for handle in self._texts:
            if handle.content != text:
                handle.content = text
        if self._chosen != self._shown:
            self._shown = self._chosen
            self._show(self._shown)

    def _add_to_sidebar(self, gui: Any, count: int) -> None:
        self._texts.append(gui.add_markdown(""))
        choice = gui.add_dropdown("Environment", [_ALL, *map(str, range(count))], initial_value=self._chosen)

        @choice.on_update
        def _(event: Any) -> None:  # in a thread of the server: the scene is changed between two steps
            self._chosen = event.target.value

    def _show(self, chosen: str) -> None:
        index = 0 if chosen == _ALL else int(chosen)
        for viewer in self._viewers:
            if viewer.cfg.visualizer_type == "viser":
                viewer._viewer.set_visible_worlds(None if chosen == _ALL else [index])
            if self._view is None:
                continue
            eye, target = (
                tuple((self._origins[index] + np.asarray(point)).tolist())
                for point in (self._view.eye, self._view.lookat)
            )
            viewer.set_camera_view(eye, target)
            if viewer.cfg.visualizer_type == "viser":  # of browsers that connect later
                camera = viewer._viewer._server.initial_camera
                camera.position, camera.look_at = eye, target
