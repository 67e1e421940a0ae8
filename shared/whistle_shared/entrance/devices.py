"""What a browser calls itself, short enough for a person to know their own device again. Pure."""

import re

# The first that matches counts: most browsers also name those that they are like.
_BROWSERS = (
    ("微信", r"MicroMessenger/"),
    ("钉钉", r"DingTalk/"),
    ("QQ", r"QQBrowser/"),
    ("360", r"QIHU|360SE|360EE"),
    ("UC", r"UCBrowser/"),
    ("Edge", r"Edg(?:e|A|iOS)?/"),
    ("Opera", r"OPR/"),
    ("Firefox", r"Firefox/|FxiOS/"),
    ("Chrome", r"Chrome/|CriOS/|HeadlessChrome/"),
    ("Safari", r"Safari/"),
)
_SYSTEMS = (
    ("HarmonyOS", r"HarmonyOS|OpenHarmony"),
    ("Windows", r"Windows"),
    ("iPhone", r"iPhone"),
    ("iPad", r"iPad"),
    ("Android", r"Android"),
    ("macOS", r"Mac OS X"),
    ("Linux", r"Linux"),
)
_MOST = 60


def device_of(agent: str) -> str:
    """`Chrome · Windows`; what is not known is shown as it came, cut."""
    known = [_first(_BROWSERS, agent), _first(_SYSTEMS, agent)]
    return " · ".join(name for name in known if name) or agent[:_MOST]


def _first(names: tuple[tuple[str, str], ...], agent: str) -> str:
    return next((name for name, pattern in names if re.search(pattern, agent)), "")
