"""SavedModels that many tests look at are written once."""

from collections.abc import Iterator

import pytest

from tests.helpers.export_models import Export, Exports, every_model


@pytest.fixture(scope="session")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Exports:
    return Exports(tmp_path_factory.mktemp("exports"))


@pytest.fixture(params=every_model)
def exported(request: pytest.FixtureRequest, exports: Exports) -> Export:
    """The export of each classifier."""
    return exports[request.param]


@pytest.fixture(autouse=True, scope="module")
def _shared_exports_stay_the_same(exports: Exports) -> Iterator[None]:
    yield
    for kind, export in list(exports.written.items()):
        if export.changed:
            del exports.written[kind]  # So that no other test fails for it.
            pytest.fail(f"A test of this file changed the model of {kind!r}, which others share.")
