"""Arrays of vectors on disk, one a row and plane, computed when first asked for."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

# Yields rows (B,) and their vectors (planes, B, width).
Compute = Callable[[np.ndarray], Iterator[tuple[np.ndarray, np.ndarray]]]
_LARGEST = 65_504  # of float16


class RowCache:
    """Vectors in float16, ``(planes, rows, width)``; what is computed is kept although the process dies.

    Parameters
    ----------
    path
        Beginning of the files' names.
    planes, rows, width
        The array's shape. The file is sparse: rows not computed take no room.
    """

    def __init__(self, path: Path, planes: int, rows: int, width: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        shape, self._known = (planes, rows, width), path.with_suffix(".known.npy")
        told, file = path.with_suffix(".json"), path.with_suffix(".npy")
        if not told.exists() or json.loads(told.read_text()) != list(shape):
            self._known.unlink(missing_ok=True)
            np.lib.format.open_memmap(file, "w+", np.float16, shape).flush()
            told.write_text(json.dumps(shape))
        self._array = np.lib.format.open_memmap(file, "r+")
        self.known = np.load(self._known) if self._known.exists() else np.zeros(rows, bool)

    def fill(self, rows: np.ndarray, compute: Compute) -> None:
        """Compute the vectors of those rows that lack them."""
        missing = rows[~self.known[rows]]
        if not len(missing):
            return
        done = 0
        for place, vectors in compute(missing):
            self._array[:, place] = np.clip(vectors, -_LARGEST, _LARGEST)
            self.known[place] = True
            done += len(place)
            if done >= 500:
                self._keep()
                done = 0
        self._keep()

    def read(self, plane: int, rows: np.ndarray) -> np.ndarray:
        """Give the vectors of rows in one plane, (len(rows), width), float32."""
        if not self.known[rows].all():
            raise ValueError("fill the rows before reading them")
        return self._array[plane][rows].astype(np.float32)

    def _keep(self) -> None:
        self._array.flush()  # first the vectors, then that they are there
        part = self._known.with_name(f"{self._known.stem}.part.npy")
        np.save(part, self.known)
        part.replace(self._known)
