# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Pictures of one episode, step by step."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray

Frame = NDArray[np.uint8]
"""A picture, (height, width, 3)."""


class FilmRecorder:
    """Takes a picture before every control step of the first episode; a recorder of :func:`~.episodes.run_episodes`.

    After the step that ends the episode the environment has been reset, so that its last picture is the one before.
    """

    def __init__(self, picture: Callable[[], Frame]) -> None:
        """Prepare a film.

        Args:
            picture: Takes a picture of environment 0 as it is.
        """
        self._picture = picture
        self._length: int | None = None
        self.frames: list[Frame] = []

    def record_decision(self, latent: torch.Tensor) -> None:
        """Nothing to see."""

    def record_observations(self, windows: Mapping[str, torch.Tensor]) -> None:
        """Take a picture before a control step."""
        if self._length is None:
            self.frames.append(self._picture())

    def record_actions(self, action: torch.Tensor, commanded: torch.Tensor) -> None:
        """Nothing to see."""

    def finish(self, steps: int) -> None:
        """Cut the film at the end of the episode; what comes later is not taken."""
        if self._length is None:
            self._length = steps
            del self.frames[steps:]
