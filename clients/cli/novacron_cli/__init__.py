"""The `novacron-cloud` command: the server, the sandbox, a demo, and calls for people and scripts."""
