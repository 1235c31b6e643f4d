"""Features and labels from a CSV file: what is read, and what is said of a file that is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from anl_edu import data, losses, recipes, training

GOOD = 'height,remark,label,weight\n1.5,"a, b",cat,3\n2.5,,dog,3\n-1e2,"new\nline",cat,3\n'


def write(folder: Path, text: str, name: str = "some.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8", newline="")
    return path


def test_rows_are_read(tmp_path: Path) -> None:
    path = write(tmp_path, "\ufeff" + GOOD)
    other = write(tmp_path, "weight,label,remark,height\n4,dog,,1\n", "other.csv")
    found = data.feature_table(path, other, ignore=["remark"])
    assert found.x_train[:, :, 0, 0].tolist() == [[1.5, 3], [2.5, 3], [-100, 3]]
    assert found.x_test[:, :, 0, 0].tolist() == [[1, 4]]  # by name, whatever the order
    assert (found.classes, found.y_train.tolist()) == (("cat", "dog"), [0, 1, 0])
    assert found.y_test.tolist() == [1]
    assert found.mean == pytest.approx((-32, 3))
    assert found.std == pytest.approx((48.085, 1), abs=1e-3)  # a constant column stays 0


def test_classes_that_are_numbers_are_in_their_order(tmp_path: Path) -> None:
    rows = "".join(f"{k},{k}\n" for k in (10, 9, 2, 2, 1, 1))
    found = data.feature_table(write(tmp_path, "x,label\n" + rows), 0.34)
    assert found.classes == ("1", "2", "9", "10")
    assert (len(found.y_train), len(found.y_test)) == (3, 3)
    assert found.train_index is not None
    rows_of = found.train_index.tolist()
    assert [int(rows.split("\n")[i].split(",")[1]) for i in rows_of] == [
        int(found.classes[k]) for k in found.y_train
    ]
    again = data.feature_table(tmp_path / "some.csv", 0.34)
    assert again.fingerprint == found.fingerprint


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "some.csv is empty"),
        ("x,label\n", "some.csv has a header and no rows"),
        ("x,y\n1,2\n", "line 1: there is no column 'label'; there are 'x', 'y'"),
        ("x,x,label\n1,2,a\n", "line 1: two columns are called 'x'"),
        ("label\na\nb\n", "line 1: no column is left"),
        ("x,label\n1,a\ntwo,b\n", "line 3, column 'x': 'two' is no number"),
        ("x,label\n1,a\n,b\n", "line 3, column 'x': there is no value"),
        ("x,label\n1,a\nnan,b\n", "line 3, column 'x': 'nan' is not finite"),
        ("x,label\n1,a\n1e39,b\n", "line 3, column 'x': '1e39' is not finite"),
        ("x,label\n1,a\n2, \n", "line 3, column 'label': the label is empty"),
        ("x,label\n1,a\n2,a\n", "column 'label': there is only one class, 'a'"),
        ("x,label\n1,a\n2\n", "line 3: the header has 2 columns, here are 1"),
        ('x,label\n"1\n",a\n2,b\n?,c\n', r"line 5, column 'x': '\?' is no number"),
        (
            "x;y;label\n1,5;2;a\n",
            r"no column 'label'; there are 'x;y;label'; is delimiter=';' meant",
        ),
        ("x\tlabel\n1\ta\n", r"no column 'label'; .* is delimiter='\\t' meant"),
        ('x,label\n1,a\n"-1,5",b\n', r"'-1,5' is no number \(decimals are written with a point\)"),
        (
            "x,label\n1,cat\n2,dog\n3,cat \n",
            "line 4, column 'label': 'cat ' and 'cat' would be two",
        ),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        data.feature_table(write(tmp_path, text))


def test_a_test_file_must_be_of_the_same_kind(tmp_path: Path) -> None:
    path = write(tmp_path, "x,label\n1,a\n2,b\n")
    for text, said in (
        ("x,y,label\n1,2,a\n", "the columns of .* only one has 'y'"),
        ("x,label\n1,a\n2,c\n", "other.csv, line 3, column 'label': there is no 'c' in"),
    ):
        with pytest.raises(ValueError, match=said):
            data.feature_table(path, write(tmp_path, text, "other.csv"))
    for share in (0, 1.0):
        with pytest.raises(ValueError, match="cannot hold back a share"):
            data.feature_table(path, share)


def test_a_test_file_may_lack_what_is_ignored_and_name_its_label_otherwise(tmp_path: Path) -> None:
    train = write(tmp_path, "id,x,label,corrected\n1,1,a,b\n2,2,b,a\n")
    test = write(tmp_path, "x,label\n3,a\n", "other.csv")
    found = data.feature_table(
        train, test, label="corrected", test_label="label", ignore=["id", "label"]
    )
    assert (found.y_train.tolist(), found.y_test.tolist()) == ([1, 0], [0])
    assert found.x_test.flatten().tolist() == [3]
    with pytest.raises(ValueError, match=r"some.csv, line 1: there is no column 'ID'"):
        data.feature_table(train, test, ignore="ID")  # one name, not two letters
    with pytest.raises(ValueError, match=r"some.csv, line 1: there is no column 'ID'"):
        data.feature_table(train, test, ignore=["ID"])


def test_features_can_be_trained_on(tmp_path: Path) -> None:
    """Two classes apart in one of two columns, whose scale is a thousand times the other's."""
    g = torch.Generator().manual_seed(0)
    y = torch.randint(2, (200,), generator=g)
    x = torch.randn(200, 2, generator=g)
    x[:, 0] = 1000 * (x[:, 0] + 6 * y)
    named = zip(x[:, 0], x[:, 1], y, strict=True)
    rows = "".join(f"{a:.3f},{b:.3f},{'yes' if k else 'no'}\n" for a, b, k in named)
    found = data.feature_table(write(tmp_path, "a,b,answer\n" + rows), label="answer")
    recipe = recipes.get("digits", "anl-ce", epochs=5)
    model = recipe.build_model(found, seed=0)
    *_, last = training.fit(model, found, recipe.build_loss(), recipe)
    assert last.test_accuracy > 0.95
    z = training.predict(model, found.x_test, found.mean, found.std)
    scaled = (found.x_test[:, :, 0, 0] - torch.tensor(found.mean)) / torch.tensor(found.std)
    assert torch.allclose(z, model(scaled[:, :, None, None]), atol=1e-5)
    assert losses.ce(z, found.y_test).mean() < 0.3
