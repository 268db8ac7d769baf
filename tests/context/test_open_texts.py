"""An open text is read again only where it changed, and what is known of it is what a reading from nothing gives."""

# ruff: noqa: E501  texts of one line are easier to compare with what is read of them

import pytest
from hypothesis import given, settings, strategies as st

from devstral_ls.context.open_texts import read_document
from devstral_ls.context.records import read_record
from devstral_ls.context.secrets import mask_secrets
from devstral_ls.text import Document

TEXTS = {
    "python": (
        "import os\nfrom a import (\n    b,\n    c as d,\n)\n\nLIMIT = 3\n\nclass A(B):\n    '''Doc.'''\n    x: int = 1\n\n"
        "    @property\n    def p(self):\n        self.y = 2\n        return self.y\n\n    class In:\n        def f(self): ...\n\n"
        "def top(a, b=(1, 2)):\n    def local(): ...\n    return a\n\nif LIMIT:\n    FLAG, OTHER = 1, 2\n\n@overload\ndef last(): ...\n"
    ),
    "javascript": (
        "import { a as b } from './a.js'\nclass A extends B {\n  x = 1\n  f(a) { return 1 }\n}\nfunction g(p) {\n  return p\n}\n"
        "export const h = (x) => { }\nconst L = 20\n"
    ),
    "rust": "use a::B;\npub struct S { pub x: u8 }\nimpl S {\n    pub fn f(&self) -> u8 { 1 }\n}\nfn g(a: u8) {\n    h();\n}\nconst L: u8 = 2;\n",
    "go": 'package p\nimport "fmt"\ntype S struct {\n\tX int\n}\nfunc (s *S) F(a int) error {\n\treturn nil\n}\nvar V = 2\n',
}
INSERTS = [
    *"\nx(){}@'\":#. =,ü\\",
    "    ",
    "def ",
    "class N:\n",
    "@property\n",
    "self.z = 1\n",
    '"""',
    "from e import f\n",
    'KEY = "Zq8rT3vLx0Kp2Wn7Bd5Yc1Hf"\n',
]
EDITS = st.lists(
    st.tuples(st.floats(0, 1), st.integers(0, 12), st.just("") | st.sampled_from(INSERTS)), min_size=1, max_size=12
)


@pytest.mark.parametrize("language_id", list(TEXTS))
@settings(max_examples=40, deadline=None, derandomize=True)
@given(edits=EDITS)
def test_after_any_edits_all_is_as_if_read_from_nothing(language_id: str, edits: list[tuple[float, int, str]]) -> None:
    """Symbols with their lines and owners, imports and the counts of names, also while the text is broken."""
    text = TEXTS[language_id]
    for where, n_deleted, inserted in [(0.0, 0, ""), *edits]:
        start = int(where * len(text))
        text = text[:start] + inserted + text[start + n_deleted :]
        read = read_document(Document("file:///a", text, language_id=language_id, path="a")).record
        expected = read_record(mask_secrets(text), language_id)
        assert expected.outline == read.outline
        assert expected.names == read.names
