# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""What the grasping tasks of the LEAP hand share: scene, terms, grasps, demonstrator. It registers no task itself."""
