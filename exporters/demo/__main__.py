import sys

from vitals_demo.server import main

sys.exit(main())
