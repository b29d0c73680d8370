# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Isaac Lab tasks of the project; importing this package registers them (``isaaclab.tasks`` entry point)."""

from isaaclab_tasks.utils import import_packages

import_packages(__name__, [".mdp"])
