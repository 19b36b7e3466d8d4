"""`python -m livermet`: the command where it is not installed."""

from livermet.cli import main

main(prog_name="livermet")
