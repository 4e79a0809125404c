"""`python -m novacron_cli`: the same as `novacron-cloud`."""

from novacron_cli.main import main

main()
