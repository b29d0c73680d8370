# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Collision pieces, cavities and mass of a closed mesh."""
