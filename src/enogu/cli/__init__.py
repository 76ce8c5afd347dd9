"""The command line: one file for each command or noun, all of them thin over the packages that do the work.

Start reading at ``main.py``. Nothing heavy is imported before a command needs it, so that ``enogu --help`` is quick.
"""
