# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""PhysX's buffers on a GPU: an overflow that the engine only logs is noticed."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from isaaclab_ov.physics import OvPhysxCfg

if TYPE_CHECKING:
    from isaaclab.envs import ManagerBasedRLEnv

_LOST = ("overflow detected", "will miss interactions")
"""What PhysX says of contacts, patches, pairs and stack that did not fit."""
_LOGGER = "ovphysx"


class OverflowWatch(logging.Handler):
    """Listens to the engine's log, and keeps whether contacts were lost since it was last asked."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._lost = False

    def emit(self, record: logging.LogRecord) -> None:
        """Take a line of the log; the engine calls it from its own threads."""
        self._lost |= any(words in record.getMessage() for words in _LOST)

    def take(self) -> bool:
        """Tell whether contacts were lost since the last call."""
        lost, self._lost = self._lost, False
        return lost


def overflow_watch(env: ManagerBasedRLEnv) -> OverflowWatch:
    """Return the watch of an environment, made and connected to the engine when it is first asked for.

    Isaac Sim's PhysX writes to Kit's log, which is not watched.
    """
    watch = vars(env).get("_overflow_watch")
    if watch is None:
        watch = vars(env)["_overflow_watch"] = OverflowWatch()
        if isinstance(env.cfg.sim.physics, OvPhysxCfg):
            import ovphysx
            from ovphysx.types import LogLevel

            logging.getLogger(_LOGGER).addHandler(watch)
            ovphysx.enable_python_logging(_LOGGER, min_severity=LogLevel.WARNING)
    return watch
