# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Videos of whole episodes: what is filmed, how arms stand side by side, and the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from imageio import v2
from tests.rollout.scripted import LinePolicy, LineTask, PushActor

from score.cli.video import HEIGHT, WIDTH, Panel, open_video, panel_size, side_by_side, write_video
from score.rollout.arms import base_arm, steered_arm
from score.rollout.episodes import run_episodes
from score.rollout.film import FilmRecorder, Frame
from score.utils.errors import UserError


def plain(value: int, size: tuple[int, int] = (640, 720)) -> Frame:
    return np.full((size[1], size[0], 3), value, np.uint8)


class FilmedTask(LineTask):
    """Its pictures are of one grey, brighter at every step."""

    task, domain = "Line-v0", "sim"
    taken = 0

    def picture(self) -> Frame:
        self.taken += 1
        return plain(self.taken % 200)


def test_one_picture_is_taken_before_every_step_of_the_episode() -> None:
    task = FilmedTask(1)
    film = FilmRecorder(task.picture)
    results = run_episodes(task, LinePolicy(), base_arm(), episodes=[3], seed=0, chunk_steps=4, recorder=film)
    assert len(film.frames) == results.steps[0]
    assert [int(frame[0, 0, 0]) for frame in film.frames] == list(range(1, results.steps[0] + 1))


def test_an_arm_that_has_ended_waits_for_the_other() -> None:
    panels = [
        Panel("base policy", [plain(10), plain(20), plain(30)], "time_out"),
        Panel("steered", [plain(100)], "success"),
    ]
    frames = list(side_by_side(panels, "start 1 of 1", rate=10.0))
    # Three steps, and the end for 1.5 s at 10 Hz.
    assert len(frames) == 3 + 15
    assert {frame.shape for frame in frames} == {(HEIGHT, WIDTH, 3)}
    seen = [(int(frame[400, 320, 0]), int(frame[400, 960, 0])) for frame in frames]
    assert seen[:3] == [(10, 100), (20, 100), (30, 100)]
    assert set(seen[3:]) == {(30, 100)}


def test_the_end_is_said_in_green_or_red() -> None:
    def reddest(ended_by: str) -> np.ndarray:
        panel = Panel("steered", [plain(0, (1280, 720))], ended_by)
        band = list(side_by_side([panel], "", rate=2.0))[-1][:64, 640:].astype(int)
        return band.reshape(-1, 3)[(band.max(-1) - band.min(-1)).argmax()]

    red, green, _ = reddest("success")
    assert green > red
    red, green, _ = reddest("time_out")
    assert red > green


def test_panels_fill_the_width() -> None:
    assert [panel_size(1), panel_size(2)] == [(1280, 720), (640, 720)]


def test_the_file_is_played_at_the_control_rate_and_has_every_step(tmp_path: Path) -> None:
    task = FilmedTask(1)
    arms = [base_arm(), steered_arm(PushActor())]
    successes = write_video(tmp_path / "a.mp4", task, LinePolicy(), arms, 2, seed=0, chunk_steps=4)
    steps = [
        max(
            run_episodes(LineTask(1), LinePolicy(), arm, episodes=[episode], seed=0, chunk_steps=4).steps[0]
            for arm in arms
        )
        for episode in range(2)
    ]
    rate = 1.0 / task.step_dt
    reader: Any = v2.get_reader(tmp_path / "a.mp4")
    with reader:
        frames = [np.asarray(frame) for frame in reader]
        assert reader.get_meta_data()["fps"] == pytest.approx(rate)
    assert len(frames) == sum(steps) + 2 * round(1.5 * rate)
    assert frames[0].shape == (HEIGHT, WIDTH, 3)
    for arm in arms:
        results = run_episodes(LineTask(1), LinePolicy(), arm, episodes=range(2), seed=0, chunk_steps=4)
        assert successes[arm.name] == results.success.sum()


def test_a_video_that_is_interrupted_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="stop"), open_video(tmp_path / "a.mp4", 10.0) as write:
        write(plain(3, (WIDTH, HEIGHT)))
        raise UserError("stop")
    assert list(tmp_path.iterdir()) == []
