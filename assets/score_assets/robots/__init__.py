# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Robots: tables, kinematics, USD text and Isaac Lab configurations."""
