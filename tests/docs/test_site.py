"""What the site of the documents is made of: pages, links between them, and nothing from other hosts."""

from __future__ import annotations

from pathlib import Path

import pytest

from docs.blocks import ROOT
from front_matter import description_of, with_front_matter
from links import links_to_nowhere
from reference_pages import MODULES, REFERENCE, missing_names, public_names, reference_text
from repository_pages import page_of, pages_linked_from, with_page_links, with_plain_pipes
from self_contained import loads_from_elsewhere, loads_of_page


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    files = {
        "README.md": "See [the guide](docs/guide.md#lists), [more](examples) and [others](https://tilde.run).\n",
        "docs/guide.md": "[back](../README.md) [plugins](plugins/README.md) [here](#lists)\n",
        "docs/plugins/README.md": "[guide](../guide.md) [code](../../examples/run.py)\n",
        "examples/README.md": "[run](run.py)\n",
        "examples/run.py": "print()\n",
        "not-linked.md": "",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def test_what_is_linked_is_taken_in(repository: Path) -> None:
    assert list(pages_linked_from(["README.md"], repository)) == [
        "README.md",
        "docs/guide.md",
        "examples/README.md",
        "docs/plugins/README.md",
        "examples/run.py",
    ]


@pytest.mark.parametrize(
    ("file", "page"),
    [
        ("README.md", "index.md"),
        ("CONTRIBUTING.md", "contributing.md"),
        ("docs/guide.md", "guide.md"),
        ("docs/plugins/README.md", "plugins/README.md"),
        ("examples/run.py", "examples/run.py.md"),
    ],
)
def test_each_file_has_its_page(file: str, page: str) -> None:
    assert page_of(file) == page


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("README.md", "See [the guide](guide.md#lists), [more](examples/README.md) and [others](https://tilde.run).\n"),
        ("docs/guide.md", "[back](index.md) [plugins](plugins/README.md) [here](#lists)\n"),
        ("docs/plugins/README.md", "[guide](../guide.md) [code](../examples/run.py.md)\n"),
    ],
)
def test_links_lead_from_page_to_page(repository: Path, file: str, text: str) -> None:
    assert with_page_links((repository / file).read_text(encoding="utf-8"), file, repository) == text


def test_code_keeps_what_looks_like_a_link(repository: Path) -> None:
    text = "```python\nhandlers[0](docs/guide.md)\n```\n"
    assert with_page_links(text, "README.md", repository) == text


def test_code_in_a_table_shows_no_backslash() -> None:
    text = "`a \\| b`\n\n| `str \\| None`, `x` | or \\| `y` |\n"
    assert with_plain_pipes(text) == "`a \\| b`\n\n| `str | None`, `x` | or \\| `y` |\n"


@pytest.mark.parametrize("link", ["nowhere.md", "../elsewhere.md", "docs"])
def test_a_link_to_nothing_is_an_error(repository: Path, link: str) -> None:
    with pytest.raises(ValueError, match="no file of this repository"):
        with_page_links(f"[x]({link})", "README.md", repository)


def test_every_public_name_is_in_the_reference_once() -> None:
    entries = [
        line.removeprefix("::: ")
        for page in REFERENCE
        for line in reference_text(page, ROOT).splitlines()
        if line.startswith("::: ")
    ]
    assert sorted(entries) == sorted(f"{module}.{name}" for module in MODULES for name in public_names(module, ROOT))


def test_only_one_page_of_a_module_takes_the_rest() -> None:
    takers = [page.module for page in REFERENCE if "…" in page.names]
    assert len(takers) == len(set(takers))
    assert [module for module in MODULES if module not in takers and missing_names(module, ROOT)] == []


def test_how_handles_are_made_is_not_shown() -> None:
    """The SDK makes them, and nobody else."""
    pages = [page for page in REFERENCE if page.module == "tilde.models"]
    assert pages
    assert all("merge_init_into_class: false" in reference_text(page, ROOT) for page in pages)


def test_a_page_says_in_its_head_what_it_is_about() -> None:
    text = '# Title\n\nOf `code`, **marks**,\n"quotes" and [a link](there.md).\n\nMore.\n'
    about = "Of code, marks, &quot;quotes&quot; and a link."
    assert with_front_matter(text) == f'---\ndescription: "{about}"\n---\n\n{text}'
    assert with_front_matter(text, title="Other").startswith('---\ntitle: "Other"\ndescription: ')


def test_a_long_description_is_cut_between_words() -> None:
    description = description_of(f"# Title\n\n{'word ' * 50}\n")
    assert description.endswith("word …")
    assert len(description) <= 160


@pytest.mark.parametrize("below", ["", "\n## Section\n\nText", "\n| a |\n|---|", "\n```sh\nls\n```", "\n- point"])
def test_a_page_that_does_not_say_what_it_is_about_is_an_error(below: str) -> None:
    with pytest.raises(ValueError, match="Title"):
        description_of(f"# Title\n{below}\n")


@pytest.mark.parametrize(
    "html",
    [
        '<script src="https://cdn.example.com/a.js"></script>',
        '<script src="//cdn.example.com/a.js"></script>',
        '<link rel="preconnect" href="https://fonts.example.com">',
        '<img alt="" src="HTTPS://example.com/a.png">',
        '<p style="background: url(https://example.com/a.png)">',
        "<style>@import 'https://example.com/a.css';</style>",
        "<style>p { background: url('//example.com/a.png') }</style>",
    ],
)
def test_what_comes_from_other_hosts_is_found(html: str) -> None:
    assert len(loads_of_page(html)) == 1


@pytest.mark.parametrize(
    "html",
    ['<a href="https://tilde.run">', '<img src="a.png">', '<img src="data:image/png;base64,AA">', "url(https://a.b/)"],
)
def test_links_and_own_files_are_fine(html: str) -> None:
    assert loads_of_page(html) == []


def test_a_site_is_searched_through(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/index.html").write_text('<img src="https://example.com/a.png">', encoding="utf-8")
    (tmp_path / "style.css").write_text(
        "@import url(//example.com/b.css); p { background: url(c.png) }", encoding="utf-8"
    )
    assert list(loads_from_elsewhere(tmp_path)) == [
        "a/index.html: https://example.com/a.png",
        "style.css: //example.com/b.css",
    ]


@pytest.mark.parametrize(
    "link", ["b.html", "nowhere/", "a/index.html#there", "#here", "a/", "/b.html", "a/index.html#%C3%BC", "B.html"]
)
def test_a_link_of_the_site_that_leads_nowhere_is_found(tmp_path: Path, link: str) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/index.html").write_text('<h1 id="top">', encoding="utf-8")
    (tmp_path / "index.html").write_text(f'<p><a href="{link}">', encoding="utf-8")
    assert list(links_to_nowhere(tmp_path)) == [f"index.html: {link}"]


@pytest.mark.parametrize(
    "link",
    [
        "",
        "#",
        "#here",
        "a/index.html",
        "/a/index.html#top",
        "a/index.html#%C3%BC",
        "a/t%20t.txt",
        "https://tilde.run/#x",
    ],
)
def test_a_link_of_the_site_that_leads_somewhere_is_fine(tmp_path: Path, link: str) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/t t.txt").touch()
    (tmp_path / "a/index.html").write_text('<h1 id="top"></h1><a name="ü">', encoding="utf-8")
    (tmp_path / "index.html").write_text(f'<p id="here"><a href="{link}">', encoding="utf-8")
    assert list(links_to_nowhere(tmp_path)) == []
