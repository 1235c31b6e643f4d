"""A CSV file with columns added is the file as it was, to the character, and the new columns."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anl_edu.data.csv_text import BOM, csv_records, read_text, with_columns, write_text

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufeff"), max_size=6)
HARD = st.text(st.sampled_from(',;"\n\r ä日\u2028\x0b\x00\ta'), max_size=6)
FIELD = TEXT | HARD


@st.composite
def files(draw: st.DrawFn) -> tuple[list[list[str]], str, str]:
    """Rows with their header, their text in one of the ways of writing CSV, and its delimiter."""
    width = draw(st.integers(1, 4))
    rows = [[f"column {i}" for i in range(width)]]
    rows += draw(st.lists(st.lists(FIELD, min_size=width, max_size=width), max_size=5))
    delimiter = draw(st.sampled_from(",;\t"))
    # Python's writer leaves \r unquoted where lines end with \n, and no reader can tell
    loose = not any({*field} & {*"\r\n"} for row in rows for field in row)
    made = io.StringIO(newline="")
    csv.writer(
        made,
        delimiter=delimiter,
        quoting=csv.QUOTE_MINIMAL if loose and draw(st.booleans()) else csv.QUOTE_ALL,
        lineterminator=draw(st.sampled_from(["\n", "\r\n", "\r"])),
    ).writerows(rows)
    text = draw(st.sampled_from(["", BOM])) + made.getvalue()
    if draw(st.booleans()):
        text = text.rstrip("\r\n") if rows[-1][-1] or width == 1 else text
    return rows, text, delimiter


def parsed(text: str, delimiter: str = ",") -> list[list[str]]:
    """What Python's own reader makes of a text."""
    lines = io.StringIO(text.removeprefix(BOM), newline="")
    return [row for row in csv.reader(lines, delimiter=delimiter) if row]


@given(files(), st.lists(FIELD, min_size=6, max_size=6))
def test_columns_are_added_and_nothing_is_lost(
    made: tuple[list[list[str]], str, str], new: list[str]
) -> None:
    rows, text, delimiter = made
    assert parsed(text, delimiter) == rows
    columns: Any = {"new": lambda n, fields: new[n], "number": lambda n, fields: str(n)}
    after = "".join(with_columns(text, columns, "some.csv", delimiter))
    assert parsed(after, delimiter) == [
        [*rows[0], "new", "number"],
        *([*row, new[n], str(n)] for n, row in enumerate(rows[1:])),
    ]
    assert after.startswith(BOM) == text.startswith(BOM)
    # every record is there as it was written, in order
    place = len(BOM) if text.startswith(BOM) else 0
    for record in csv_records(text, "some.csv", delimiter):
        body = record.text.rstrip("\r\n")
        place = after.index(body, place) + len(body)


@given(files())
def test_records_join_to_the_text(made: tuple[list[list[str]], str, str]) -> None:
    _, text, delimiter = made
    found = list(csv_records(text, "some.csv", delimiter))
    assert "".join(record.text for record in found) == text.removeprefix(BOM)


def test_the_text_is_kept_to_the_character() -> None:
    text = f'{BOM}id,"remark",label\r\n1,"a ""b"",\r\nc" ,x\r\n\r\n 2 ,"",  y'
    with pytest.raises(ValueError, match=r"some.csv, line 2: .*expected after"):
        list(csv_records(text, "some.csv"))  # a blank after a closed quote: what is meant?
    text = text.replace('" ,', '",')
    after = "".join(with_columns(text, {"new": lambda n, fields: f"{n}, {fields[0]}"}, "some.csv"))
    assert after == (
        f'{BOM}id,"remark",label,new\r\n1,"a ""b"",\r\nc",x,"0, 1"\r\n\r\n 2 ,"",  y,"1,  2 "'
    )
    assert [record.line for record in csv_records(text, "some.csv")] == [1, 2, 4, 5]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,b\n1,2\n3\n", "some.csv, line 3: the header has 2 columns, here are 1"),
        ('a,b\n1,"2\n3,4\n', "some.csv, line 2: unexpected end of data"),
        ("a,new\n1,2\n", "some.csv has a column 'new' already"),
        ("\n\n", "some.csv is empty"),
        ("", "some.csv is empty"),
    ],
)
def test_what_is_no_table_is_refused(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        list(with_columns(text, {"new": lambda n, fields: ""}, "some.csv"))


def test_another_encoding_is_named_and_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "some.csv"
    path.write_bytes("a,label\n1,x\n2,Köln\n".encode("latin-1"))
    with pytest.raises(ValueError, match=r"some.csv, line 3: byte 0xf6 is not utf-8"):
        read_text(path)
    text = read_text(path, "latin-1")
    write_text(tmp_path / "other.csv", with_columns(text, {}, path), "latin-1")
    assert (tmp_path / "other.csv").read_bytes() == path.read_bytes()
    with pytest.raises(FileNotFoundError, match="there is no file"):
        read_text(tmp_path / "none.csv")
    (tmp_path / "wide.csv").write_bytes("a,label\n1,x\n".encode("utf-16"))
    with pytest.raises(ValueError, match=r'is not utf-8; .*encoding="utf-16"'):
        read_text(tmp_path / "wide.csv")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
def test_a_file_comes_back_in_its_encoding(tmp_path: Path, encoding: str) -> None:
    """Also where it begins with a mark, which is written once and not before each piece."""
    path, other = tmp_path / "some.csv", tmp_path / "other.csv"
    path.write_bytes("a,label\r\n1,é\r\n\r\n2,x".encode(encoding))
    columns = {"new": lambda n, fields: f"ü{n}"}
    write_text(other, with_columns(read_text(path, encoding), columns, path), encoding)
    assert other.read_bytes() == "a,label,new\r\n1,é,ü0\r\n\r\n2,x,ü1".encode(encoding)


def test_a_character_that_the_encoding_lacks_is_named(tmp_path: Path) -> None:
    path = tmp_path / "some.csv"
    with pytest.raises(ValueError, match=r"some.csv: '手' cannot be written in latin-1; .*UTF-8"):
        write_text(path, iter(["a", "b手"]), "latin-1")
    assert not path.exists()
