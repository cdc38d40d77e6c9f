import pytest

from keras_mixers.weights.hubs.address import HubAddress, is_hub_address, parse_hub_address

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("hf://user/name", HubAddress("hf", "user/name")),
        ("hf://timm/mixer_b16.in1k", HubAddress("hf", "timm/mixer_b16.in1k")),
        ("hf://user/name@v1", HubAddress("hf", "user/name", "v1")),
        (f"hf://user/name@{COMMIT}", HubAddress("hf", "user/name", COMMIT)),
        ("hf://user/name@refs/pr/3", HubAddress("hf", "user/name", "refs/pr/3")),
        ("hf://user/name@new%2Fhead", HubAddress("hf", "user/name", "new/head")),
        ("hf://user/name/a/b.keras", HubAddress("hf", "user/name", None, "a/b.keras")),
        (
            "hf://user/name@refs/pr/3/best.safetensors",
            HubAddress("hf", "user/name", "refs/pr/3", "best.safetensors"),
        ),
        ("kaggle://o/m/keras/c", HubAddress("kaggle", "o/m/keras/c")),
        ("kaggle://o/m/keras/c/12", HubAddress("kaggle", "o/m/keras/c", "12")),
        (
            "kaggle://o/m/keras/c/12/a.safetensors",
            HubAddress("kaggle", "o/m/keras/c", "12", "a.safetensors"),
        ),
        ("kaggle://o/m/keras/c/a.keras", HubAddress("kaggle", "o/m/keras/c", None, "a.keras")),
    ],
)
def test_what_an_address_means_and_how_it_is_written(written: str, expected: HubAddress) -> None:
    assert parse_hub_address(written) == expected
    assert str(expected) == written


@pytest.mark.parametrize(
    "written",
    [
        *("hf://", "hf://name", "hf:///name", "hf://user/", "hf://user/name@", "hf://user/na me"),
        *("hf://user/name@a@b", "hf://user/name/", "hf://user/../x.keras", "hf://-user/name"),
        *("hf://user/name@../../x", "hf://user/name\n", "kaggle://o/m", "kaggle://o/m/keras"),
        *("kaggle://o/m/keras/c/", "kaggle://o/m/keras/c@1", "kaggle://o/m/ke ras/c"),
    ],
)
def test_a_malformed_address_is_answered_with_the_form_of_one(written: str) -> None:
    with pytest.raises(
        ValueError, match=r"is no address on a hub; expected (hf|kaggle)://"
    ) as found:
        parse_hub_address(written)
    assert "\n" not in str(found.value)


@pytest.mark.parametrize("file", ["model.bin", "model.pth", "model.pkl", "saved_model.pb", "a/b"])
def test_files_that_may_run_code_are_refused(file: str) -> None:
    with pytest.raises(ValueError, match="files are read from hubs, because"):
        parse_hub_address(f"hf://user/name/{file}")


def test_other_names_are_no_addresses() -> None:
    assert not any(map(is_hub_address, ("mixer_b16", "HF://user/name", "hf:user", "", None, 3)))
