"""What is read from each language: a small text, and the signatures that a reader of another file would want."""

# ruff: noqa: E501, ISC004  a text and what is read of it stand side by side

import pytest

from devstral_ls.context.skeleton import render_skeleton
from devstral_ls.context.syntax import read_outline

CASES = {
    "javascript": (
        "import { price as cost } from './shop.js'\nexport class Basket extends Box {\n  limit = 3\n  add(item, n = 1) { return n }\n}\n"
        "export function open(path) { return 1 }\nexport const close = (basket) => { }\nconst LIMIT = 20\n",
        "class Basket extends Box {\n    limit = 3\n    add(item, n = 1);\nfunction open(path);\nclose = (basket);\nLIMIT = 20",
    ),
    "typescript": (
        "interface Item extends Named { price: number; cost(n: number): number }\ntype Key = string | number\n"
        "enum Size { Big, Small }\nexport class Basket<T> { private items: T[]; add(item: T): void { } }\n"
        "function open(path: string): Basket<Item> { return x }\n",
        "interface Item extends Named {\n    price: number\n    cost(n: number): number;\ntype Key = string | number\nenum Size;\n"
        "class Basket<T> {\n    private items: T[]\n    add(item: T): void;\nfunction open(path: string): Basket<Item>;",
    ),
    "rust": (
        "use crate::shop::Item;\npub struct Basket { pub items: Vec<Item> }\nimpl Basket {\n    pub fn add(&mut self, item: Item) -> usize { 1 }\n}\n"
        "pub trait Priced: Named { fn price(&self) -> u32; }\nenum Size { Big, Small(u8) }\nconst LIMIT: usize = 20;\n",
        "pub struct Basket {\n    pub items: Vec<Item>\nimpl Basket {\n    pub fn add(&mut self, item: Item) -> usize;\n"
        "pub trait Priced: Named {\n    fn price(&self) -> u32;\nenum Size {\n    Big\n    Small(u8)\nconst LIMIT: usize = 20",
    ),
    "go": (
        'package shop\nimport "fmt"\ntype Basket struct {\n\tItems []Item\n}\ntype Priced interface { Price() int }\n'
        "func (b *Basket) Add(item Item) error { return nil }\nfunc Open(path string) *Basket { return nil }\nconst Limit = 20\n",
        "Basket struct {\n    Items []Item\nPriced interface { Price() int } {\n    Price() int;\nfunc (b *Basket) Add(item Item) error;\n"
        "func Open(path string) *Basket;\nLimit = 20",
    ),
    "java": (
        "import shop.Item;\npublic class Basket extends Box {\n  private int limit = 3;\n  public Basket(int limit) { }\n  public int add(Item item) { return 1; }\n}\n"
        "interface Priced { int price(); }\nenum Size { BIG, SMALL }\n",
        "public class Basket extends Box {\n    private int limit = 3\n    public Basket(int limit);\n    public int add(Item item);\n"
        "interface Priced {\n    int price();\nenum Size {\n    BIG\n    SMALL",
    ),
    "c": (
        '#include "shop.h"\n#define LIMIT 20\nstruct basket { int n; char *name; };\nint add(struct basket *b, int item) { return 1; }\nchar *name_of(int n);\n',
        "#define LIMIT 20\nstruct basket {\n    int n\n    char *name\nint add(struct basket *b, int item);\nchar *name_of(int n);",
    ),
    "cpp": (
        "class Basket : public Box {\npublic:\n  int add(const Item& item) { return 1; }\n  int limit = 3;\n  void close();\n};\nint Basket::size() { return 1; }\nusing Key = int;\n",
        "class Basket : public Box {\n    int add(const Item& item);\n    int limit = 3\n    void close();\nint Basket::size();\nusing Key = int",
    ),
    "csharp": (
        "using Shop;\npublic class Basket : Box {\n  private int limit = 3;\n  public string Name { get; set; }\n  public int Add(Item item) { return 1; }\n}\nenum Size { Big }\n",
        "public class Basket : Box {\n    private int limit = 3\n    public string Name;\n    public int Add(Item item);\nenum Size {\n    Big",
    ),
    "ruby": (
        "require 'shop'\nmodule Store\n  LIMIT = 20\n  class Basket < Box\n    def add(item, n = 1)\n      n\n    end\n    def self.open(path)\n      1\n    end\n  end\nend\n",
        "module Store {\n    LIMIT = 20\n    class Basket < Box {\n        def add(item, n = 1);\n        def self.open(path);",
    ),
    "php": (
        "<?php\nuse Shop\\Item;\nclass Basket extends Box {\n  private $limit = 3;\n  public function add(Item $item): int { return 1; }\n}\nfunction open_basket($path) { }\n",
        "class Basket extends Box {\n    private $limit = 3\n    public function add(Item $item): int;\nfunction open_basket($path);",
    ),
}


@pytest.mark.parametrize("language_id", CASES)
def test_skeletons(language_id: str) -> None:
    """Types with their members, functions and constants, each on one line and without its body."""
    text, expected = CASES[language_id]
    outline = read_outline(text, language_id)
    assert expected == render_skeleton(outline, range(len(outline.symbols)))


@pytest.mark.parametrize("language_id", sorted(set(CASES) - {"go"}))
def test_imports_are_read(language_id: str) -> None:
    """Each language's way to name another file is seen."""
    text, _ = CASES[language_id]
    expected = 0 if language_id in {"typescript", "cpp"} else 1
    assert expected == len(read_outline(text, language_id).imports)
