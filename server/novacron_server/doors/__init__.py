"""Where callers come in: one module a door; no method knows which one was used."""
