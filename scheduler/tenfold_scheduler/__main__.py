"""``python -m tenfold_scheduler``: start the scheduler process."""

import sys

from tenfold_scheduler.main import main

if __name__ == "__main__":
    sys.exit(main())
