import sys

from madry_checkpoints.cli import main

sys.exit(main())
