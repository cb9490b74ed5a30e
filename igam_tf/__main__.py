import sys

from igam_tf.cli.program import main

sys.exit(main())
