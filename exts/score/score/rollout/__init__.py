# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Episodes of an arm on given starts and noise: arms, results, recorder, seeds."""
