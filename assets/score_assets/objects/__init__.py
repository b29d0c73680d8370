# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Objects: sizes, point clouds, USD text and Isaac Lab configurations."""
