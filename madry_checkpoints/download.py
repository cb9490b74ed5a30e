"""Downloads one file over HTTP and resumes a partial download.

Neither pooch (1.9) nor `keras.utils.get_file` (3.15) resumes: both download the file from its start
after each interruption, and these archives are large.
"""

import http.client
import pathlib
import re
import urllib.error
import urllib.request

from madry_checkpoints.checkpoint_error import CheckpointError

_ATTEMPTS = 3
_TIMEOUT_SECONDS = 60
_CHUNK_BYTES = 1 << 18


class Unreachable(CheckpointError):
    """Nothing can be downloaded; the message is the reason."""


def download(url: str, part: pathlib.Path) -> None:
    """Completes the file `part` from `url`; requests only the bytes that it lacks.

    Raises:
      Unreachable: there is no connection, or the server has no such file.
      CheckpointError: the connection broke off repeatedly; `part` keeps its bytes for the next
        call.
    """
    reason: Exception | None = None
    for _ in range(_ATTEMPTS):
        offset = _size(part)
        try:
            total = _request(url, part, offset)
        except urllib.error.HTTPError as error:
            error.close()  # it is an open response too
            total, reason = _total_of_refused_range(error), error
            if error.code != 416:
                raise Unreachable(str(error)) from error
            if total != offset:  # `part` is not the beginning of this file
                part.unlink()
                continue
        except urllib.error.URLError as error:
            reason = error
            if not offset:
                raise Unreachable(str(error.reason)) from error
            continue
        except (http.client.HTTPException, OSError) as error:
            reason = error
            continue
        if total is None or _size(part) == total:
            return
        reason = CheckpointError(f"{_size(part)} of {total} bytes")
    remedy = "run the same command again to resume it"
    raise CheckpointError(f"{url}: the download broke off ({reason}); {remedy}")


def _request(url: str, part: pathlib.Path, offset: int) -> int | None:
    """Writes one response; returns the length of the whole file if the server states it."""
    headers = {"Range": f"bytes={offset}-"} if offset else {}
    request = urllib.request.Request(url, headers=headers)
    with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as response:
        is_partial = response.status == 206
        content_range = response.headers.get("Content-Range", "")
        if is_partial and not content_range.startswith(f"bytes {offset}-"):
            raise http.client.HTTPException("the server sent another range than the requested one")
        length = response.headers.get("Content-Length")
        with open(part, "ab" if is_partial else "wb") as file:
            while chunk := response.read(_CHUNK_BYTES):
                file.write(chunk)
    return None if length is None else int(length) + (offset if is_partial else 0)


def _total_of_refused_range(error: urllib.error.HTTPError) -> int | None:
    """The length of the whole file, which a server states when nothing lies beyond the offset."""
    match = re.fullmatch(r"bytes \*/(\d+)", error.headers.get("Content-Range", ""))
    return int(match[1]) if match else None


def _size(part: pathlib.Path) -> int:
    return part.stat().st_size if part.exists() else 0
