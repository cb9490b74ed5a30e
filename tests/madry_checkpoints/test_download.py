import numpy as np
import pytest

from madry_checkpoints import CheckpointError
from madry_checkpoints.download import Unreachable, download

from .serving import serving

CONTENTS = np.random.default_rng(1).bytes(700_000)


@pytest.fixture
def server():
    with serving() as running:
        running.contents = CONTENTS
        yield running


@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize("breaks", [[], [300_000], [300_000, 10], [0, 1]])
def test_an_interrupted_download_resumes(server, tmp_path, breaks, ranges):
    server.breaks, server.ranges = list(breaks), ranges
    download(server.url, tmp_path / "part")
    assert (tmp_path / "part").read_bytes() == CONTENTS
    assert server.requests[0] is None
    if breaks == [300_000, 10] and ranges:
        assert server.requests == [None, "bytes=300000-", "bytes=300010-"]


def test_the_next_call_resumes(server, tmp_path):
    server.breaks = [100_000, 100_000, 100_000]
    with pytest.raises(
        CheckpointError, match=r"300000 of 700000 bytes.*run the same command again"
    ):
        download(server.url, tmp_path / "part")
    download(server.url, tmp_path / "part")
    assert (tmp_path / "part").read_bytes() == CONTENTS
    assert server.requests[-1] == "bytes=300000-"


@pytest.mark.parametrize("part", [CONTENTS, CONTENTS + b"more"], ids=["whole", "of another file"])
def test_a_part_that_is_whole_or_too_long(server, tmp_path, part):
    (tmp_path / "part").write_bytes(part)
    download(server.url, tmp_path / "part")
    assert (tmp_path / "part").read_bytes() == CONTENTS


def test_an_unreachable_server(server, tmp_path):
    with pytest.raises(Unreachable, match="404"):
        download(server.url.replace("file", "other"), tmp_path / "part")
    with pytest.raises(Unreachable, match="refused"):
        download("http://127.0.0.1:1/file.zip", tmp_path / "part")
    assert not (tmp_path / "part").exists()
