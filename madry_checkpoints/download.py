"""Downloads one file over HTTP; goes on where it broke off."""

import http.client
import pathlib
import re
import urllib.error
import urllib.request

from madry_checkpoints.errors import CheckpointError

_ATTEMPTS = 3
_SECONDS = 60
_CHUNK = 1 << 18


class Unreachable(CheckpointError):
    """Nothing could be downloaded at all; the message is the reason."""


def download(url: str, part: pathlib.Path) -> None:
    """Completes the file `part` from `url`, asking only for what is missing from it.

    Raises:
      Unreachable: there is no connection, or the server has no such file.
      CheckpointError: the connection broke off repeatedly; what came so far stays in `part` for the next call.
    """
    reason: Exception | None = None
    for _ in range(_ATTEMPTS):
        before = _size(part)
        try:
            total = _request(url, part, before)
        except urllib.error.HTTPError as error:
            error.close()  # it is an open response too
            total, reason = _total_of_refused_range(error), error
            if error.code != 416:
                raise Unreachable(str(error)) from error
            if total != before:  # `part` is not the beginning of this file
                part.unlink()
                continue
        except urllib.error.URLError as error:
            reason = error
            if not before:
                raise Unreachable(str(error.reason)) from error
            continue
        except (http.client.HTTPException, OSError) as error:
            reason = error
            continue
        if total is None or _size(part) == total:
            return
        reason = CheckpointError(f"{_size(part)} of {total} bytes")
    raise CheckpointError(
        f"{url}: the download broke off ({reason}); run the same command again and it goes on from there"
    )


def _request(url: str, part: pathlib.Path, before: int) -> int | None:
    """Writes one response; returns the whole file's length if the server says it."""
    request = urllib.request.Request(url, headers={"Range": f"bytes={before}-"} if before else {})
    with urllib.request.urlopen(request, timeout=_SECONDS) as response:
        resumed = response.status == 206
        if resumed and not response.headers.get("Content-Range", "").startswith(f"bytes {before}-"):
            raise http.client.HTTPException("the server sent another range than it was asked for")
        length = response.headers.get("Content-Length")
        with open(part, "ab" if resumed else "wb") as file:
            while chunk := response.read(_CHUNK):
                file.write(chunk)
    return None if length is None else int(length) + (before if resumed else 0)


def _total_of_refused_range(error: urllib.error.HTTPError) -> int | None:
    """A server that has nothing beyond what is there already says so with the length of the whole."""
    found = re.fullmatch(r"bytes \*/(\d+)", error.headers.get("Content-Range", ""))
    return int(found[1]) if found else None


def _size(part: pathlib.Path) -> int:
    return part.stat().st_size if part.exists() else 0
