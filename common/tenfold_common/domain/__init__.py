"""The pure heart of Tenfold: no clock, no global randomness, no input or output, no threads.

Time, seeds and identities come in as arguments; effects go out as values.
"""
