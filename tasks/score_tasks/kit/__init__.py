# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""What tasks are made of: scenes of any number of bodies, one segmented cloud, stages, events, demonstrators."""
