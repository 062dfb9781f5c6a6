"""How the documentation is built: `make docs`. It needs nothing from the network."""

import warnings

import bolide
from bolide.exceptions import StarletteDeprecationWarning

# Looking at every name of a module looks at the deprecated ones, too.
warnings.simplefilter("ignore", StarletteDeprecationWarning)

project = "bolide"
author = "The bolide authors"
project_copyright = "2026, the bolide authors"
release = version = bolide.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
]
exclude_patterns = ["_build"]

html_theme = "furo"
html_title = f"bolide {release}"
html_static_path = ["_static"]
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#b4531f", "color-brand-content": "#b4531f"},
    "dark_css_variables": {"color-brand-primary": "#f0955f", "color-brand-content": "#f0955f"},
}

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

# A name is documented where it lives, which is not everywhere it can be imported from.
autodoc_default_options = {"members": True, "show-inheritance": True, "ignore-module-all": True}
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_use_legacy_class_based = True
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False
# Attributes are described in the docstring of their class.
napoleon_use_ivar = True

# Docstrings use Markdown's single backticks, as everything else does.
default_role = "code"

nitpicky = True
nitpick_ignore_regex = [
    # Names of the standard library and of other packages: the build is offline, so their
    # inventories are not there to be linked to.
    (r"py:.*", r"(abc|anyio|asyncio|collections|contextlib|datetime|email|enum|functools)\..*"),
    (r"py:.*", r"(http|ipaddress)\..*"),
    (r"py:.*", r"(httpx2?|jinja2|os|pathlib|re|ssl|tempfile|types|typing|urllib|uuid)\..*"),
    (r"py:.*", r"(Any|AsyncGenerator|AsyncIterable|AsyncIterator|Awaitable|BinaryIO|Callable)"),
    (r"py:.*", r"(ABC|Collection|Generator|Generic|Iterable|Iterator|ItemsView|KeysView|Literal)"),
    (r"py:.*", r"(Mapping|MutableMapping|PathLike|Pattern|Protocol|Self|Sequence|TypeVar|UUID)"),
    (r"py:.*", r"(ValuesView|SplitResult|TracebackType|NamedTuple|ParamSpec|datetime|inspect.*)"),
    (r"py:.*", r"(list|tuple|dict|Mapping)\[.*"),
    (r"py:.*", r"(http\.cookies|json|multipart|yaml|itsdangerous|opentelemetry|stat_result).*"),
    # Type variables and private classes, which have no page of their own.
    (r"py:.*", r".*\b(K|P|T|T_co|V|V_co|StateT|AppType|P\.args|P\.kwargs)"),
    (r"py:.*", r"(bolide\..*\.)?_.*"),
    # Where one annotation names what is imported for type checkers only, all are left as written.
    (r"py:.*", r"AwaitableOrContextManager"),
    # The options of an application, and of a route: they are described as attributes of a policy.
    (r"py:.*", r"(PolicyOptions|LimitOptions)"),
    (r"py:.*", r"bolide\._.*"),
]
