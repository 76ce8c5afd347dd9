"""Pictures: decode them safely, read folders of them, fit them to buckets, lay them on sheets, read and write infotext.

Pillow and numpy only; never torch. Originals are only ever read. Import from the modules, so that a caller who needs
one of them does not pay for the others.
"""
