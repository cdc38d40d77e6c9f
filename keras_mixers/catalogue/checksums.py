"""Size and sha256 of released files, by file name: what a download is compared with.

A file without a row is checked by its container alone. The row of a file at hand:
`path.name: Checksum(path.stat().st_size, pooch.file_hash(path))`.
"""

from typing import NamedTuple


class Checksum(NamedTuple):
    """Size in bytes, and sha256 in hexadecimal digits."""

    size: int
    sha256: str


CHECKSUMS: dict[str, Checksum] = {}
