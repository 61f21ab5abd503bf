"""`asset-ledger` as a module: `python -m benchmarks.serve serve --port 0` runs this checkout, whatever is installed."""

from api.cli.main import main

if __name__ == "__main__":
    main()
