# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Isaac Lab tasks of the project; importing this package registers them (``isaaclab.tasks`` entry point)."""

import importlib
import pkgutil

# Not by isaaclab_tasks.utils: that imports the 200 packages of Isaac Lab's own tasks, and a user waits for them.
for _module in pkgutil.iter_modules(__path__, f"{__name__}."):
    if _module.ispkg:
        importlib.import_module(_module.name)
