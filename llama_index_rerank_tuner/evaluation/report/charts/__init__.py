"""The plots of a report: each is described once and drawn as SVG for the page and as PNG."""
