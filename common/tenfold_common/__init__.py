"""What every Tenfold process shares: the pure domain, the ports, and the adapters behind them.

Never imports the scheduler, the worker or the client. Importing this package imports nothing heavy.
"""

__version__ = "0.1.0"
