"""Class names and predictions by name."""

from pathlib import Path

import numpy as np
import pytest

from keras_mixers.labels import class_names, decode_predictions, imagenet_names


def test_class_names(tmp_path: Path) -> None:
    path = tmp_path / "labels.txt"
    path.write_bytes("\ufefftabby cat\r\n Käse \r\n\r\n\n".encode())
    assert class_names(path, 2) == ["tabby cat", "Käse"]
    with pytest.raises(ValueError, match=r"labels\.txt: .* received 2 names for 3 classes"):
        class_names(path, 3)
    path.write_text("cat\n\ndog\n")
    with pytest.raises(ValueError, match=r"labels\.txt: line 2 is empty"):
        class_names(path, 3)
    path.write_text("\n")
    with pytest.raises(ValueError, match="received 0 names for 3 classes"):
        class_names(path, 3)
    path.write_bytes(b"\xff\xd8\xff\xe0")
    with pytest.raises(ValueError, match=r"labels\.txt is not UTF-8 text"):
        class_names(path, 3)
    for control in ("\x1b]0;title\x07", "\x9b", "\u202e", "\x00"):
        path.write_text(f"cat\na{control}b\n")
        with pytest.raises(
            ValueError, match=r"labels\.txt: line 2 has control .* received 'a\\"
        ) as caught:
            class_names(path, 2)
        assert str(caught.value).isprintable()
    path.write_text("tabby\tcat\n\u0647\u0631\u0629\n")
    assert class_names(path, 2) == ["tabby\tcat", "\u0647\u0631\u0629"]
    with pytest.raises(FileNotFoundError, match=r"no file of class names '.*none\.txt'"):
        class_names(tmp_path / "none.txt", 3)


def test_decode_predictions() -> None:
    probabilities = np.array([[0.1, 0.6, 0.3], [0.4, 0.4, 0.2]], np.float32)
    first, second = decode_predictions(probabilities, top=2, names=["a", "b", "c"])
    assert [name for name, _ in first] == ["b", "c"]
    assert [name for name, _ in second] == ["a", "b"]
    assert first[0][1] == pytest.approx(0.6)
    assert len(decode_predictions(probabilities, names=["a", "b", "c"])[0]) == 3


def test_decode_refuses() -> None:
    fair = np.array([[0.5, 0.5]])
    with pytest.raises(ValueError, match="one name per class; received 3 names for 2 classes"):
        decode_predictions(fair, names=["a", "b", "c"])
    with pytest.raises(ValueError, match=r"must be \(B, classes\); received shape \(2,\)"):
        decode_predictions(fair[0], names=["a", "b"])
    with pytest.raises(ValueError, match="top must be at least 1; received 0"):
        decode_predictions(fair, names=["a", "b"], top=0)
    with pytest.raises(ValueError, match="between 0 and 1; received -2 to 8; logits need a soft"):
        decode_predictions(np.array([[-2.0, 8.0]]), names=["a", "b"])
    with pytest.raises(ValueError, match="between 0 and 1; received nan"):
        decode_predictions(np.array([[np.nan, 0.5]]), names=["a", "b"])


def test_names_of_imagenet() -> None:
    names = imagenet_names()
    assert len(names) == len(set(names)) == 1000
    # Classes that everybody knows by number.
    known = {
        0: "tench",
        134: "crane (bird)",
        207: "golden retriever",
        999: "toilet tissue",
    }
    assert {number: names[number] for number in known} == known
    scores = np.zeros((1, 1000))
    scores[0, 207] = 1
    assert decode_predictions(scores, top=1) == [[("golden retriever", 1.0)]]
    with pytest.raises(ValueError, match="received 1000 names for 10 classes"):
        decode_predictions(np.zeros((1, 10)))
