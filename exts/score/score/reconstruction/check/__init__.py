# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Drop tests, comparisons and the passport of an asset; checks of a scene."""
