"""What damages files: hypothesis draws it, and finds the smallest that shows a fault."""

from typing import NamedTuple

from hypothesis import strategies as st


class Damage(NamedTuple):
    """What happens to the bytes of a file.

    Attributes:
        kind: "flip" bits at up to three places, "cut" the end off, "insert" bytes, or "swap" two
            blocks that lie one after the other.
        places: Where, as shares of the file.
        masks: Which bits flip; which bytes are inserted.
    """

    kind: str
    places: list[float]
    masks: list[int]

    def apply(self, content: bytes) -> bytes:
        places = [int(place * len(content)) for place in self.places]
        if self.kind == "cut":
            return content[: places[0]]
        if self.kind == "insert":
            return content[: places[0]] + bytes(self.masks) + content[places[0] :]
        if self.kind == "swap":
            start, middle, end = sorted([*places, len(content), len(content)][:3])
            return content[:start] + content[middle:end] + content[start:middle] + content[end:]
        damaged = bytearray(content)
        for place, mask in zip(places, self.masks, strict=False):
            damaged[place] ^= mask
        return bytes(damaged)


damages = st.builds(
    Damage,
    kind=st.sampled_from(["flip", "flip", "flip", "cut", "insert", "swap"]),
    places=st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=3),
    masks=st.lists(
        st.one_of(st.integers(0, 7).map(lambda i: 1 << i), st.integers(1, 255)),
        min_size=3,
        max_size=3,
    ),
)
