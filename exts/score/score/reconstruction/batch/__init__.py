# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""A folder of scans at a time: which they are, making them on all cores, and the page of their passports."""
