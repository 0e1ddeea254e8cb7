"""python -m equivar"""

import sys

from equivar.cli import main

if __name__ == "__main__":
    sys.exit(main())
