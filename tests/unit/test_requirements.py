"""Lines of a requirements.txt: what the platform takes, and the sentence for what it does not."""

import pytest

from jinsu.errors import BadInputError
from jinsu.spec.requirements import Requirement, read_requirements


def test_comments_markers_extras_and_joined_lines_are_read() -> None:
    text = (
        "\ufeff# what the script imports\n\nSentence_Transformers >= 3, < 4   # texts\n"
        "uvicorn[standard]; python_version >= '3.11' and sys_platform == \"linux\"\n"
        "lightgbm \\\n  ~=4.0\nzope.interface==6.*\nnumpy (>=1.2)\nlast"
    )
    assert read_requirements(text) == (
        Requirement(3, "sentence-transformers", "Sentence_Transformers >= 3, < 4"),
        Requirement(4, "uvicorn", "uvicorn[standard]; python_version >= '3.11' and sys_platform == \"linux\""),
        Requirement(5, "lightgbm", "lightgbm  ~=4.0"),
        Requirement(7, "zope-interface", "zope.interface==6.*"),
        Requirement(8, "numpy", "numpy (>=1.2)"),
        Requirement(9, "last", "last"),
    )


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("--index" "-url https://evil.example/simple", "an option of pip"),
        ("-r more.txt", "an option of pip"),
        ("-e .", "an option of pip"),
        ("git+https://evil.example/x.git", "an address or a path"),
        ("x @ https://evil.example/x-1-py3-none-any.whl", "an address or a path"),
        ("./wheels/x-1-py3-none-any.whl", "an address or a path"),
        ("numpy==2 --hash=sha256:00", "holds a hash"),
        ("numpy==2; $(id)", "is no requirement"),
        ("pandas 2", "is no requirement"),
        ("pandas>=", "is no requirement"),
        ("numpy --no-binary :all:", "is no requirement"),
        ("{{ 7*7 }}", "is no requirement"),
    ],
)
def test_anything_else_is_refused_with_its_line(line: str, why: str) -> None:
    with pytest.raises(BadInputError) as refused:
        read_requirements(f"numpy\n{line}\n", "needs.txt")
    assert str(refused.value).startswith("needs.txt: line 2: ")
    assert why in str(refused.value)


def test_every_bad_line_is_named_at_once() -> None:
    with pytest.raises(BadInputError) as refused:
        read_requirements("-e .\nnumpy\n-r x\n")
    assert [line.split(": ")[1] for line in str(refused.value).splitlines()] == ["line 1", "line 3"]


@pytest.mark.parametrize("text", ["x" * 70_000, "\n".join(f"p{number}" for number in range(301))])
def test_the_file_is_bounded(text: str) -> None:
    with pytest.raises(BadInputError, match=r"requirements\.txt: "):
        read_requirements(text)
