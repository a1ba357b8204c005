"""How Sphinx builds the documentation: `make docs`. Everything is local, and nothing of the project is imported."""

project = "STAR"
author = "the STAR project"

extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
root_doc = "index"
myst_heading_anchors = 3  # so that a page can be linked to by its sections, as on a code host
suppress_warnings: list[str] = []

html_theme = "furo"
html_title = "STAR"
html_static_path = ["_static"]
html_css_files = ["pages.css"]
html_copy_source = False  # the pages' sources stand in the repository
html_show_sphinx = False
html_show_copyright = False
pygments_style = "default"
pygments_dark_style = "github-dark"
highlight_language = "none"
