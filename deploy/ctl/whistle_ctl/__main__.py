"""`python -m whistle_ctl`: the same as `whistlectl`."""

from whistle_ctl.app import main

if __name__ == "__main__":
    main()
