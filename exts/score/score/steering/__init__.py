# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Steering: PPO that acts in the latent of a frozen base policy.

Nothing is imported here, so that :mod:`score.steering.checkpoint` and :mod:`score.steering.latent` load with torch
alone.
"""
