# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""RGB-D recordings as phones, depth cameras and public collections write them, one module a layout."""
