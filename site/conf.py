"""Sphinx's settings for the site. `make.py` lays out the folder that Sphinx reads."""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(os.environ["ANL_EDU_ROOT"])
sys.path.insert(0, str(ROOT / "tools"))

from published import published  # noqa: E402 - the folder of tools is known from here on

import anl_edu  # noqa: E402

project = "Learning with noisy labels"
author = "The anl-edu authors"
copyright = author
release = version = anl_edu.__version__
html_title = project
html_favicon = "_static/favicon.svg"
html_context = {"default_mode": "auto"}  # light or dark as the reader's system is
language = "en"

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx.ext.mathjax",
    "sphinx_click",
    "sphinx_copybutton",
]

mathjax_path = "mathjax/tex-chtml.js"  # in _static, so that pages ask no network for it
nb_execution_mode = "off"  # pages are made from the outputs that are committed
nb_render_markdown_format = "myst"
nb_merge_streams = True
nb_code_prompt_show = "Show what comes out"
nb_code_prompt_hide = "Hide what comes out"
myst_enable_extensions = ["dollarmath", "amsmath"]
myst_dmath_double_inline = True  # JupyterLab shows $$ in a line of text as well
myst_heading_anchors = 4
autodoc_typehints_format = "short"
autodoc_member_order = "bysource"
python_use_unqualified_type_names = True
napoleon_google_docstring = False
napoleon_use_ivar = True
copybutton_exclude = ".linenos, .gp, .go"

html_theme = "sphinx_book_theme"
html_static_path = ["_static"]
html_css_files = ["page.css", "site.css"]
html_js_files = [("figures.js", {"defer": "defer"})]
html_copy_source = True
html_show_sphinx = False
html_last_updated_fmt = None
html_theme_options = {
    "show_navbar_depth": 1,
    "navbar_persistent": [],  # the search stands in the sidebar
    "use_download_button": True,
    "use_fullscreen_button": False,
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}

place = published()
if place is not None:  # then there is an address to launch lessons from
    html_theme_options |= {
        "repository_url": place.repository,
        "repository_branch": place.revision,
        "use_repository_button": True,
        "launch_buttons": {
            "binderhub_url": "https://mybinder.org",
            "colab_url": "https://colab.research.google.com",
            "notebook_interface": "jupyterlab",
        },
    }
