# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Speed, soak, and how near reconstructions come to the truth: what makes the tables of docs/RESULTS*.md."""
