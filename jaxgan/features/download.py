"""A file of published weights, fetched once, on request, and used only if it is the very file."""

import hashlib
import urllib.request
from pathlib import Path

from jaxgan.data import cache
from jaxgan.system.errors import UserError
from jaxgan.system.files import write_atomically
from jaxgan.system.progress import counting

CHUNK = 2**20  # bytes between two movements of the bar


def place(url: str) -> Path:
    """Return where in the user's cache folder a download lies, or would lie."""
    return cache.folder() / "weights" / url.rsplit("/", 1)[-1]


def download(url: str, *, sha256: str, size: int) -> Path:
    """Fetch a file into the cache folder.

    Args:
        url: of the file.
        sha256: of its content, 64 hex digits.
        size: of it in bytes: no more is read.

    Raises:
        UserError: if it cannot be had, or is another file; nothing is kept then.
    """

    def fetch(temporary: Path) -> None:
        digest = hashlib.sha256()
        with (
            urllib.request.urlopen(url, timeout=60) as source,
            temporary.open("wb") as target,
            counting(place(url).name, size, "B") as bar,
        ):
            left = size + 1  # one more than there should be, to see that there is
            while left > 0 and (chunk := source.read(min(CHUNK, left))):
                left -= len(chunk)
                digest.update(chunk)
                target.write(chunk)
                bar.update(len(chunk))
        if left != 1 or digest.hexdigest() != sha256:
            raise UserError(f"what {url} gives is not the published file (its SHA-256 differs): not used")

    try:
        write_atomically(place(url), fetch)
    except OSError as error:
        raise UserError(f"cannot download {url} to {place(url)}: {error}") from error
    return place(url)
