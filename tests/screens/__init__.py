"""Looks at every page of the sample district: pictures of them all, and what axe-core finds on them.

make screenshots    docs/screenshots/: every page, both themes, phone and desktop, and the wall at 4K
make a11y           axe-core over every page in every look; pages and violations are printed last
"""
