"""What the pages of every service stand on: the look, templates in two languages, live panels, words, the kit's files.

A page is a GET. What a page changes, it changes through its service's own API (`may`), as whoever is signed in.
"""

from whistle_shared.pages.assets import Assets
from whistle_shared.pages.installing import Place, pages_for
from whistle_shared.pages.live import Live, Panels, Topic, Viewer, id_in
from whistle_shared.pages.look import (
    LANGUAGES,
    PAGE_HEADERS,
    SOURCE,
    Language,
    Look,
    elsewhere,
    form_of,
    look_of,
    page,
    set_cookie,
)
from whistle_shared.pages.maps import grid_at, svg_paths
from whistle_shared.pages.rendering import (
    PageRoute,
    busy,
    duration,
    fragment,
    live_page,
    moment,
    render,
    role_name,
    templates_of,
    texts_of,
    words_of,
)
from whistle_shared.pages.sentences import SENTENCES, kind, told
from whistle_shared.pages.templating import Templates
from whistle_shared.pages.visitors import SIGN_IN, ElseFirst, SignedInSession, admit, home_path, is_welcome, visitor
from whistle_shared.pages.words import CLOCKS, ROAD, RUNGS, SHANGHAI, VOCABULARY, Words, iso, mark, midnight

__all__ = [
    "CLOCKS",
    "LANGUAGES",
    "PAGE_HEADERS",
    "ROAD",
    "RUNGS",
    "SENTENCES",
    "SHANGHAI",
    "SIGN_IN",
    "SOURCE",
    "VOCABULARY",
    "Assets",
    "ElseFirst",
    "Language",
    "Live",
    "Look",
    "PageRoute",
    "Panels",
    "Place",
    "SignedInSession",
    "Templates",
    "Topic",
    "Viewer",
    "Words",
    "admit",
    "busy",
    "duration",
    "elsewhere",
    "form_of",
    "fragment",
    "grid_at",
    "home_path",
    "id_in",
    "is_welcome",
    "iso",
    "kind",
    "live_page",
    "look_of",
    "mark",
    "midnight",
    "moment",
    "page",
    "pages_for",
    "render",
    "role_name",
    "set_cookie",
    "svg_paths",
    "templates_of",
    "texts_of",
    "told",
    "visitor",
    "words_of",
]
