"""`python -m fortish`."""

from fortish.main import main

raise SystemExit(main())
