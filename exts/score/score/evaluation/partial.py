# Copyright (c) 2026, the SCORE project developers. SPDX-License-Identifier: BSD-3-Clause
"""Results of an unfinished evaluation, one line a finished episode, so that an interrupted one continues."""

from __future__ import annotations

import glob
import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from score.rollout.results import Outcome
from score.utils import ranks
from score.utils.errors import UserError
from score.utils.files import atomic_file


class PartialResults:
    """Episodes that are done, in memory and, if there is a file, on the disk beside the report to come.

    The file is JSON lines: the settings, then one line for each episode. The lines of a decision are written and
    flushed to the disk together; a last line that was cut by a kill is dropped.

    Of several processes (:mod:`score.utils.ranks`) each has a file of its own; the first takes over what all of them
    left, whatever their number was.
    """

    def __init__(
        self, path: Path | None, settings: Mapping[str, Any], *, resume: bool = True, remedy: str = ""
    ) -> None:
        """Open the file, or make it.

        Args:
            path: The file, ``FILE.json.partial``; None keeps results in memory only.
            settings: All that the results depend on, plain JSON values.
            resume: Whether to continue from an existing file; otherwise it is replaced.
            remedy: What to do where the file is of other settings; by default, that of an interrupted evaluation.

        Raises:
            UserError: The file was made with other settings, or is no such file.
        """
        self._path = path if path is None else _own_path(path, ranks.index())
        self._remedy = remedy or "repeat those to continue it, give another --output, or drop it with --no-resume"
        self._results: dict[tuple[str, int], Outcome] = {}
        self._settings: dict[str, Any] = json.loads(json.dumps(dict(settings)))
        if path is None:
            return
        if ranks.index() == 0:
            found = [file for file in [path, *_others(path)] if file.exists()]
            lines = [line for file in found for line in self._read(file)[1:]] if resume else []
            # Rewritten, so that a cut last line is not continued.
            self._write([self._settings, *lines])
            for file in _others(path):
                file.unlink()
        # After the first process, which has removed the files of an earlier run.
        self._results = ranks.gather(self._results)[0]
        if ranks.index() > 0:
            self._write([self._settings])

    def get(self, arm: str, episode: int) -> Outcome | None:
        """Return how an episode ended, None if it has not been run."""
        return self._results.get((arm, episode))

    def put(self, arm: str, outcomes: Mapping[int, Outcome]) -> None:
        """Keep how episodes ended, by their indices; on the disk before it returns."""
        self._results |= {(arm, episode): outcome for episode, outcome in outcomes.items()}
        if self._path is None:
            return
        with self._path.open("a", encoding="utf-8") as stream:
            for episode, outcome in outcomes.items():
                stream.write(json.dumps({"arm": arm, "episode": episode} | asdict(outcome)) + "\n")
            stream.flush()
            os.fsync(stream.fileno())

    def remove(self) -> None:
        """Remove the file: the report is written."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)

    def _read(self, path: Path) -> list[dict[str, Any]]:
        lines = []
        for text in path.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                lines.append(json.loads(text))
            except ValueError:
                break
        try:
            self._require_same_settings(path, lines[0])
            for line in lines[1:]:
                outcome = Outcome(str(line["ended_by"]), int(line["steps"]))
                self._results[str(line["arm"]), int(line["episode"])] = outcome
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise UserError(
                f"{path} is not an interrupted evaluation of this project: remove it, or give another --output."
            ) from error
        return lines

    def _require_same_settings(self, path: Path, found: Mapping[str, Any]) -> None:
        keys = [*found, *(key for key in self._settings if key not in found)]
        changed = [key for key in keys if found.get(key) != self._settings.get(key)]
        if changed:
            listed = ", ".join(f"{key} was {found.get(key)!r}, now {self._settings.get(key)!r}" for key in changed)
            raise UserError(f"{path} holds episodes of an evaluation with other settings ({listed}): {self._remedy}.")

    def _write(self, lines: list[dict[str, Any]]) -> None:
        assert self._path is not None
        with atomic_file(self._path) as temporary:
            temporary.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


def _own_path(path: Path, index: int) -> Path:
    """Return the file of a process; the first has the plain name."""
    return path if index == 0 else path.with_name(f"{path.name}.{index}")


def _others(path: Path) -> list[Path]:
    """Files that processes other than the first have left."""
    return sorted(file for file in path.parent.glob(f"{glob.escape(path.name)}.*") if file.suffix[1:].isdigit())
