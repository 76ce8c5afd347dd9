"""``python -m enogu``: the same program as ``enogu``, for those who must name the interpreter."""

from enogu.cli.main import main

if __name__ == "__main__":
    main()
