# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""USD files of assets and scenes: written, read, checked."""
