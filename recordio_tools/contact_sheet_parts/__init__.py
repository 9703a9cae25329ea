"""The contact sheet: what is shown, and the page."""
