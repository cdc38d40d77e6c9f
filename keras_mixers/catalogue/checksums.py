"""Sizes and checksums of released files, by file name, with which downloads are compared.

A file without a row is only checked to be whole. To write the row of a file that you have:
`path.name: Checksum(path.stat().st_size, pooch.file_hash(path))`.
"""

from typing import NamedTuple


class Checksum(NamedTuple):
    """Size in bytes and sha256 in hexadecimal digits."""

    size: int
    sha256: str


CHECKSUMS: dict[str, Checksum] = {}
