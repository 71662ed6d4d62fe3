"""The site: ``pip install -e ".[docs]" && sphinx-build -W docs docs/_build``.

Documents outside this folder, such as the README, become pages in ``_pages/``, whose links are rewritten. The
reference has a page for each public module.
"""

import contextlib
import os
import re
import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent
sys.path.insert(0, str(ROOT))
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jaxgan  # noqa: E402 -- it is first made importable
from jaxgan.system.errors import UserError  # noqa: E402
from jaxgan.web.runtime import runtime_script  # noqa: E402
from jaxgan.web.site import page_files  # noqa: E402

project, author, release = "jaxgan", "the jaxgan authors", jaxgan.__version__
html_title = "jaxgan"
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
]
html_theme = "sphinx_book_theme"
html_theme_options = {"show_toc_level": 2, "home_page_in_toc": True}
exclude_patterns = ["_build", "_extra", "jupyter_execute", "node_modules"]
default_role = "code"
templates_path = ["_templates"]
html_static_path: list[str] = []
html_extra_path = ["_extra"]

myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence"]
nb_execution_mode = "cache"
nb_execution_raise_on_error = True
nb_execution_timeout = 900
nb_merge_streams = True
nb_output_stderr = "remove"  # of the kernel, which warns of its own forks
nb_execution_show_tb = True

autosummary_generate = True
autosummary_context = {
    "reexporting": ["jaxgan", "jaxgan.train", "jaxgan.updates"]
}  # others' names are indexed there
autodoc_typehints = "none"  # the signatures have them already
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
napoleon_google_docstring, napoleon_numpy_docstring, napoleon_use_ivar = True, False, True
napoleon_attr_annotations = False  # the types hold shapes, whose stars are no markup

PAGES = {  # documents outside this folder, and their pages
    "README.md": "readme",
    "CONTRIBUTING.md": "contributing",
    "SECURITY.md": "security",
    "CHANGELOG.md": "changelog",
    "benchmarks/README.md": "benchmarks",
}
LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")


def rewritten(text: str, source: Path, page: Path) -> str:
    """Return a document whose relative links hold on its page.

    A link to another document of `PAGES` goes to its page, and one to a file of this folder to the file. What
    is linked elsewhere in the repository, such as a script, is named without a link.

    Args:
        text: the document.
        source: the document's file.
        page: the file of its page.
    """

    def link(match: re.Match[str]) -> str:
        image, label, target = match.groups()
        if re.match(r"[a-z]+:|#", target):
            return match[0]
        path, _, anchor = target.partition("#")
        file = (source.parent / path).resolve()
        if not file.exists():
            raise FileNotFoundError(f"{source}: {target} is not there")
        inside = file.relative_to(ROOT).as_posix()
        if inside in PAGES:
            file = HERE / "_pages" / f"{PAGES[inside]}.md"
        elif not file.is_relative_to(HERE) or file.is_dir() or file.suffix == ".json":
            return label
        relative = os.path.relpath(file, page.parent)
        return f"{image}[{label}]({relative}{'#' + anchor if anchor else ''})"

    parts = re.split(r"(```.*?```)", text, flags=re.DOTALL)  # code stays as it is
    return "".join(part if part.startswith("```") else LINK.sub(link, part) for part in parts)


def write_pages() -> None:
    """Write the pages of documents outside this folder."""
    folder = HERE / "_pages"
    folder.mkdir(exist_ok=True)
    for name, page in PAGES.items():
        source, file = ROOT / name, folder / f"{page}.md"
        text = rewritten(source.read_text(encoding="utf-8"), source, file)
        if not file.exists() or file.read_text(encoding="utf-8") != text:  # what is new is built anew
            file.write_text(text, encoding="utf-8")


def write_web_page() -> None:
    """Write the web page of a small generator, which the guide of exports links.

    Its network is in ``web/model.js``. Its runtime comes from ``npm install --prefix docs onnxruntime-web``,
    or from the cache folder of somebody who has exported a page. Without one, the page says what is missing.
    """
    folder, dist = HERE / "_extra/web", HERE / "node_modules/onnxruntime-web/dist"
    folder.mkdir(parents=True, exist_ok=True)
    files = {**page_files(), "model.js": (HERE / "web/model.js").read_bytes()}
    with contextlib.suppress(UserError):
        files["runtime.js"] = runtime_script(dist if dist.is_dir() else None)
    for name, content in files.items():
        (folder / name).write_bytes(content)


def literal_blocks(lines: list[str]) -> list[str]:
    """Return the docstring of a module with its indented code and its tables as literal blocks."""
    text = []
    for number, line in enumerate(lines):
        before = lines[number - 1] if number else ""
        if (line.startswith("|") and not before.startswith("|")) or (
            line.startswith("    ") and not before.strip()
        ):
            text += ["::", ""]
        text.append(f"    {line}" if line.startswith("|") else line)
    return text


def setup(app) -> None:
    """Rewrite the links of the guides, too, as Sphinx reads them, and the docstrings of modules."""

    def read_docstring(app, what: str, name: str, value, options, lines: list[str]) -> None:
        if what == "module":
            lines[:] = literal_blocks(lines)

    app.connect("autodoc-process-docstring", read_docstring)

    def read(app, name: str, content: list[str]) -> None:
        file = Path(app.env.doc2path(name))
        if file.suffix == ".md" and file.parent.name != "_pages":
            content[0] = rewritten(content[0], file, file)

    app.connect("source-read", read)


write_pages()
write_web_page()
