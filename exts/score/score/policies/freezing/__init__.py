# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""The file that is copied to where somebody's policy runs, in a folder of its own.

A Python that runs a file finds the modules beside it before all others: there are none here.
"""
