# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""From a scan to a simulation asset: a folder that both physics engines load, with a passport of what was checked.

Units are metres, kilograms and seconds, z is up, quaternions are (x, y, z, w). Modules load their heavy libraries when
they are imported, so import what you need: nothing is re-exported here.
"""
