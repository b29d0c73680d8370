# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Videos of whole episodes, several arms side by side: what ``play.py --video`` writes."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from score.rollout.episodes import run_episodes
from score.rollout.film import FilmRecorder, Frame
from score.task import SUCCESS
from score.utils.files import atomic_file

if TYPE_CHECKING:
    from score.policies import BasePolicy
    from score.rollout.arms import Arm
    from score.task import Task

WIDTH, HEIGHT = 1280, 720
"""Size of a video, pixels."""
HELD = 1.5
"""Seconds that the end of an episode is shown."""

_BAND, _MARGIN = 64, 16
_GOOD, _BAD, _PLAIN = (120, 220, 130), (245, 130, 110), (235, 235, 235)


@dataclass(frozen=True)
class Panel:
    """One arm's film of an episode."""

    label: str
    """What it shows."""
    frames: Sequence[Frame]
    """Its pictures, all of one size, at least one."""
    ended_by: str
    """How the episode ended; ``success`` is good."""


def panel_size(panels: int) -> tuple[int, int]:
    """Width and height of each of so many panels."""
    return WIDTH // panels, HEIGHT


def film_episode(task: Task, base_policy: BasePolicy, arm: Arm, episode: int, **options: Any) -> Panel:
    """Run an episode of an arm and take pictures of it.

    Args:
        task: The task, opened with a camera and one environment.
        base_policy: The base policy.
        arm: The arm.
        episode: Index of the episode.
        options: ``seed`` and ``chunk_steps`` of :func:`~score.rollout.episodes.run_episodes`.
    """
    picture: Callable[[], Frame] = task.picture  # type: ignore[attr-defined]
    film = FilmRecorder(picture)
    results = run_episodes(task, base_policy, arm, episodes=[episode], recorder=film, **options)
    return Panel({"base": "base policy"}.get(arm.name, arm.name), film.frames, results.ended_by[0])


def side_by_side(panels: Sequence[Panel], title: str, rate: float) -> Iterator[Frame]:
    """Make the frames of a video of one episode; an arm that has ended shows its last picture until all have.

    Args:
        panels: The arms, all from the same start.
        title: Small print below.
        rate: Frames per second, one a control step.

    Yields:
        Frames (HEIGHT, WIDTH, 3).
    """
    longest = max(len(panel.frames) for panel in panels)
    for step in range(longest + round(HELD * rate)):
        image = Image.new("RGB", (WIDTH, HEIGHT))
        width = WIDTH // len(panels)
        for index, panel in enumerate(panels):
            _draw_panel(image, panel, step, index * width, width)
        draw = ImageDraw.Draw(image)
        for index in range(1, len(panels)):
            draw.line([(index * width, 0), (index * width, HEIGHT)], fill=(0, 0, 0), width=4)
        draw.text((_MARGIN, HEIGHT - 30), title, fill=_PLAIN, font=_font(18), stroke_width=2, stroke_fill=(0, 0, 0))
        yield np.asarray(image)


def write_video(
    path: Path, task: Task, base_policy: BasePolicy, arms: Sequence[Arm], episodes: int, **options: Any
) -> dict[str, int]:
    """Run episodes of several arms, each from the same starts, and write a video of them.

    Args:
        path: The mp4.
        task: The task, opened with a camera of :func:`panel_size` and one environment.
        base_policy: The base policy.
        arms: The arms, from left to right.
        episodes: Number of episodes, one after the other.
        options: See :func:`film_episode`.

    Returns:
        Arm to its successes.
    """
    rate, successes = 1.0 / task.step_dt, dict.fromkeys((arm.name for arm in arms), 0)
    with open_video(path, rate) as write:
        for episode in range(episodes):
            panels = [film_episode(task, base_policy, arm, episode, **options) for arm in arms]
            for arm, panel in zip(arms, panels, strict=True):
                successes[arm.name] += panel.ended_by == SUCCESS
            title = f"{task.task}, {task.domain}, start {episode + 1} of {episodes}"  # type: ignore[attr-defined]
            for frame in side_by_side(panels, title, rate):
                write(frame)
    return successes


@contextlib.contextmanager
def open_video(path: Path, rate: float) -> Iterator[Callable[[Frame], None]]:
    """Write an mp4, whole or not at all.

    Args:
        path: The file.
        rate: Frames per second.

    Yields:
        Takes a frame (HEIGHT, WIDTH, 3).
    """
    import imageio_ffmpeg

    with atomic_file(path) as temporary:
        # H.264 of any browser; a group of frames is a second, so that one can jump in it.
        encoder = imageio_ffmpeg.write_frames(
            temporary, (WIDTH, HEIGHT), fps=rate, codec="libx264", quality=7, macro_block_size=16
        )
        encoder.send(None)
        try:
            yield lambda frame: encoder.send(np.ascontiguousarray(frame))
        finally:
            encoder.close()


def _draw_panel(image: Image.Image, panel: Panel, step: int, left: int, width: int) -> None:
    """Paste the picture of a step, with a band that says whose it is and how it stands."""
    over = step >= len(panel.frames)
    picture = Image.fromarray(panel.frames[min(step, len(panel.frames) - 1)])
    image.paste(picture, (left, 0))
    band = Image.new("RGB", (width, _BAND), (20, 22, 26))
    image.paste(band, (left, 0))
    draw = ImageDraw.Draw(image)
    draw.text((left + _MARGIN, 16), panel.label, fill=_PLAIN, font=_font(30))
    said, colour = f"step {min(step + 1, len(panel.frames))}", _PLAIN
    if over:
        how = panel.ended_by.replace("_", " ")
        said, colour = f"{how}, {len(panel.frames)} steps", _GOOD if panel.ended_by == SUCCESS else _BAD
    font = _font(26)
    draw.text((left + width - _MARGIN - draw.textlength(said, font=font), 18), said, fill=colour, font=font)


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
