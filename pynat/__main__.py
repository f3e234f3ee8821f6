import sys

from pynat.cli.main import main

sys.exit(main())
