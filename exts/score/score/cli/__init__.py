# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""What the scripts share: flags, progress, look-up of checkpoints and base policies."""
