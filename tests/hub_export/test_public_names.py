import hub_export


def test_every_public_name_is_listed_and_found():
    assert dir(hub_export) == sorted(hub_export.__all__)
    assert all(callable(getattr(hub_export, name)) for name in hub_export.__all__)
