"""Data as studies see it: one immutable, memory-mapped form of every source, and what its columns look like.

Modules here import numpy when they are imported, so whatever ``tenfold --help`` reaches imports them where it
uses them.
"""
