"""The pages, measured: how soon a change is seen, what a page costs a server that has 100,000 whistles, and what 500
open dashboards cost one process of escalation. `make bench-pages`; the figures are in docs/pages.md."""
