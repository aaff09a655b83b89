"""The speed engine: ``python -m tests.benchmarks.speed``, from the project's folder."""

# The processes of the rivals import this module under another name, and must not load more than
# they measure.
if __name__ == "__main__":
    from tests.benchmarks.speed.command import main

    main(prog_name="python -m tests.benchmarks.speed")
