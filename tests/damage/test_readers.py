"""Files that are damaged at random: what is in them, or the one exception of who reads them."""

import resource
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings

from tests.damage.readers import READERS, Reader
from tests.helpers.damage import Damage, damages

# Users see what Pillow warns of, and go on.
pytestmark = pytest.mark.filterwarnings("ignore")
MOST_BYTES = 2 << 30
every_reader = pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)


@pytest.fixture(autouse=True)
def _little_memory() -> Iterator[None]:
    """Let nothing take gigabytes, whatever a damaged file says about sizes."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + MOST_BYTES, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


@pytest.fixture(scope="module")
def right(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[bytes, object]]:
    """The bytes of each whole file, and what is in it."""
    folder = tmp_path_factory.mktemp("whole")
    for reader in READERS:
        reader.write(folder / reader.name)
    return {
        reader.name: ((folder / reader.name).read_bytes(), reader.read(folder / reader.name))
        for reader in READERS
    }


def _damage(reader: Reader, damage: Damage, path: Path, right: tuple[bytes, object]) -> str:
    """Return what became of reading a damaged file: "refused", "right" or "other"."""
    content, expected = right
    path.write_bytes(damage.apply(content))
    message = ""
    try:
        found = reader.read(path)
    except reader.error as error:  # Any other ends the test.
        message = str(error)
    if message:
        assert path.name in message
        assert len(message.splitlines()) == 1
        return "refused"
    result = "right" if found == expected else "other"
    assert not reader.checked or result == "right"
    return result


def _damage_much(
    times: int, reader: Reader, path: Path, right: tuple[bytes, object]
) -> Counter[str]:
    results: Counter[str] = Counter()

    @settings(max_examples=times)
    @given(damage=damages)
    def damage_once(damage: Damage) -> None:
        results[_damage(reader, damage, path, right)] += 1

    damage_once()
    return results


@every_reader
def test_random_damage(reader: Reader, right: dict, tmp_path: Path) -> None:
    results = _damage_much(24, reader, tmp_path / reader.name, right[reader.name])
    assert results["refused"]


@pytest.mark.damage
@every_reader
def test_much_random_damage(reader: Reader, right: dict, tmp_path: Path) -> None:
    results = _damage_much(400, reader, tmp_path / reader.name, right[reader.name])
    print(f"{reader.name}: {dict(results)}")
