"""A file of published weights: fetched once, only on request, and used only if its checksum is right."""

import hashlib
import urllib.request
from pathlib import Path

from jaxgan.system import cache
from jaxgan.system.errors import UserError
from jaxgan.system.files import NoRoomError, write_atomically
from jaxgan.system.progress import counting

CHUNK = 2**20  # bytes between two movements of the progress bar


def cached_path(url: str) -> Path:
    """Return the place of a download in the user's cache folder, whether or not the file exists."""
    return cache.folder() / "weights" / url.rsplit("/", 1)[-1]


def fetch(url: str, *, sha256: str, size: int) -> Path:
    """Download a file into the cache folder.

    Args:
        url: the address of the file.
        sha256: the hash of its content, 64 hex digits.
        size: the length of the file in bytes; no more is read.

    Returns:
        The file in the cache folder.

    Raises:
        UserError: if the download fails, or gives another file; nothing is kept then.
    """
    path = cached_path(url)

    def download(temporary: Path) -> None:
        digest = hashlib.sha256()
        with (
            urllib.request.urlopen(url, timeout=60) as source,
            temporary.open("wb") as target,
            counting(path.name, size, "B") as bar,
        ):
            left = size + 1  # one byte more, to notice a longer file
            while left > 0 and (chunk := source.read(min(CHUNK, left))):
                left -= len(chunk)
                digest.update(chunk)
                target.write(chunk)
                bar.update(len(chunk))
        if left != 1 or digest.hexdigest() != sha256:
            raise UserError(f"{url} is not the published file (its SHA-256 differs): it is not used")

    try:
        write_atomically(path, download)
    except NoRoomError:
        raise
    except OSError as error:
        raise UserError(f"cannot download {url} to {path}: {error}") from error
    return path
