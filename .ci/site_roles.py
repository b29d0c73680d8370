# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Docstrings as Markdown, for the reference on the site.

Roles of Sphinx, such as :class:`~a.b.C`, become plain code, `C`; so do keys such as x["a"]["b"], which would be links.
"""

from __future__ import annotations

import re
from typing import Any

import griffe

_ROLE = re.compile(r":(?:attr|class|data|exc|func|meth|mod):`(~?)([^`]+)`")
_KEYS = re.compile(r'(?<![\w`])(\w+(?:\["\w+"\]){2,})')


def _as_code(match: re.Match[str]) -> str:
    short, name = match.groups()
    return f"`{name.rsplit('.', 1)[-1] if short else name}`"


class Roles(griffe.Extension):
    """Rewrites the docstring of every object that is read."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Rewrite one."""
        if obj.docstring is not None:
            obj.docstring.value = _KEYS.sub(r"`\1`", _ROLE.sub(_as_code, obj.docstring.value))
