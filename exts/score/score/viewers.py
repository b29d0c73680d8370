# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Isaac Lab's viewers on a task: whom they listen to, where they look from, and what they show besides the scene."""

from __future__ import annotations

import contextlib
import math
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from score.utils.errors import UserError

if TYPE_CHECKING:
    from isaaclab.envs import ManagerBasedRLEnv

__all__ = ["Panels", "rerun_server", "viewer_settings"]

RERUN_PORTS = 9876, 9090
"""Where Rerun's data and its page are served; Isaac Lab's own numbers."""

_ALL = "all"
_RERUN_START = 30.0
"""Seconds that Rerun may take to start."""


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
        if hasattr(item, "display_address"):
            item.display_address = _reachable(host)
    return settings


@contextlib.contextmanager
def rerun_server(viewers: Sequence[str], host: str) -> Iterator[None]:
    """Run Rerun's server where it is wanted; started by Isaac Lab, it would listen on all addresses.

    Args:
        viewers: Names of viewers.
        host: Address to listen on.

    Raises:
        UserError: Rerun is not installed, or does not start.
    """
    if "rerun" not in viewers:
        yield
        return
    beside = Path(sys.executable).with_name("rerun")
    program = str(beside) if beside.is_file() else shutil.which("rerun")
    if program is None:
        raise UserError("--viz rerun needs the package 'rerun-sdk': install the extra 'viz'.")
    data, page = RERUN_PORTS
    own = _reachable(host)
    for port in RERUN_PORTS:
        if _answers(own, port):
            raise UserError(f"--viz rerun needs port {port}, which is in use: is another rerun open? End it first.")
    command = [program, "--serve-web", "--bind", host, "--port", str(data), "--web-viewer-port", str(page)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + _RERUN_START
        while not _answers(own, data):
            if server.poll() is not None or time.monotonic() > deadline:
                raise UserError(f"Rerun did not start to listen on {host}: give an address of this machine.")
            time.sleep(0.1)
        yield
    finally:
        server.terminate()
        server.wait()


def _reachable(host: str) -> str:
    """Return an address at which what listens on another is found from this machine."""
    return "127.0.0.1" if host in ("0.0.0.0", "::") else host


def _answers(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=0.5):
            return True
    except OSError:
        return False


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

    @property
    def addresses(self) -> list[str]:
        """Where browsers find the viewers."""
        found = []
        for viewer in self._viewers:
            kind, host = viewer.cfg.visualizer_type, _reachable(getattr(viewer.cfg, "bind_address", ""))
            if kind == "viser":
                found.append(f"http://{host}:{viewer._viewer._server.get_port()}")
            if kind == "rerun":
                data, page = RERUN_PORTS
                found.append(f"http://{host}:{page}/?url=rerun%2Bhttp://{host}:{data}/proxy")
        return found

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
                camera.fov = math.radians(viewer._focal_length_to_vertical_fov_degrees())
