# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Viewers: whom they listen to, where they look from, what they show."""

from __future__ import annotations

import math
import socket
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import viser

from score import viewers
from score.cli.watch import Watch
from score.rollout.results import Outcome
from score.utils.errors import UserError
from score_tasks.kit.video import add_video_camera, task_view


def test_viewers_and_videos_see_the_same() -> None:
    view = task_view(eye=(1.0, 0.0, 0.5), target=(0.0, 0.0, 0.5))
    # Isaac Lab's viewers have an aperture of 15.2908 mm: 45 degrees are 15.2908 / (2 tan 22.5) = 18.458 mm.
    assert view.focal_length == pytest.approx(18.458, abs=1e-3)
    env_cfg: Any = SimpleNamespace(sim=SimpleNamespace(default_visualizer_cfg=view), scene=SimpleNamespace())
    add_video_camera(env_cfg, (1280, 720))
    spawn = env_cfg.scene.video.spawn
    height = spawn.horizontal_aperture * 720 / 1280
    assert 2.0 * math.degrees(math.atan(height / (2.0 * spawn.focal_length))) == pytest.approx(45.0)
    assert env_cfg.scene.video.offset.pos == (1.0, 0.0, 0.5)


def test_browsers_of_other_machines_are_let_in_only_when_asked() -> None:
    first, second = viewers.viewer_settings(["viser", "rerun", "newton_gl"], "127.0.0.1")
    assert (first.bind_address, first.display_address, first.visible_env_indices) == ("127.0.0.1", "127.0.0.1", [0])
    assert (second.visualizer_type, second.bind_address) == ("rerun", "127.0.0.1")
    (everybody,) = viewers.viewer_settings(["viser"], "0.0.0.0")
    assert (everybody.bind_address, everybody.display_address) == ("0.0.0.0", "127.0.0.1")


def test_a_second_rerun_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setattr(viewers, "RERUN_PORTS", (port, port))
        with (
            pytest.raises(UserError, match=f"needs port {port}, which is in use"),
            viewers.rerun_server(["rerun"], "127.0.0.1"),
        ):
            pass


def test_panels_show_one_environment_from_the_task_s_view() -> None:
    server = viser.ViserServer(host="127.0.0.1", port=0, verbose=False)
    seen: list[Any] = []
    newton = SimpleNamespace(_server=server, set_visible_worlds=lambda worlds: seen.append(worlds))
    viewer = SimpleNamespace(
        cfg=SimpleNamespace(visualizer_type="viser", bind_address="127.0.0.1"),
        _viewer=newton,
        add_live_plots=lambda managers, scalars: seen.append((managers, list(scalars["steering"]))),
        _focal_length_to_vertical_fov_degrees=lambda: 45.0,
        set_camera_view=lambda eye, target: seen.append((eye, target)),
    )
    view = task_view(eye=(1.0, 0.0, 0.5), target=(0.5, 0.0, 0.0))
    env: Any = SimpleNamespace(
        sim=SimpleNamespace(visualizers=[viewer], cfg=SimpleNamespace(default_visualizer_cfg=view)),
        scene=SimpleNamespace(env_origins=torch.tensor([[0.0, 0.0, 0.0], [2.5, -2.5, 0.0]])),
        num_envs=2,
    )
    try:
        panels = viewers.Panels(env, {"support": lambda: 0.5})
        assert seen == [({}, ["support"]), [0], ((1.0, 0.0, 0.5), (0.5, 0.0, 0.0))]
        assert tuple(server.initial_camera.position) == (1.0, 0.0, 0.5)
        assert server.initial_camera.fov == pytest.approx(math.pi / 4.0)
        assert panels.addresses == [f"http://127.0.0.1:{server.get_port()}"]
        panels._chosen = "1"  # what the sidebar does
        panels.update("steered: 1 of 2")
        assert seen[3:] == [[1], ((3.5, -2.5, 0.5), (3.0, -2.5, 0.0))]
        panels._chosen = "all"
        panels.update("steered: 1 of 2")
        assert seen[5] is None
        assert panels._texts[0].content == "steered: 1 of 2"
    finally:
        server.stop()


def test_successes_are_counted_while_they_happen() -> None:
    said: list[str] = []
    panels = SimpleNamespace(addresses=["http://127.0.0.1:8080"], update=said.append)
    watch = Watch(SimpleNamespace(open_panels=lambda plots: panels), "base", 8, None)
    watch.put("base", {0: Outcome("success", 30), 1: Outcome("time_out", 150)})
    watch.record_observations({})
    watch.put("base", {2: Outcome("success", 31)})
    watch.record_observations({})
    assert said == [
        "base: 1 of 2 episodes succeeded (8 in all)",
        "base: 2 of 3 episodes succeeded (8 in all)",
    ]
