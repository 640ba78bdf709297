"""Every benchmark runs in the order of this list, or the one that is named, with its own options."""

import sys
from importlib import import_module

from benchmarks.measure import hardware

NAMES = ["evaluation", "ofrep", "votes", "waiting", "settings", "setting_writes", "settings_cache", "reads", "bundles"]
NAMES += ["gates", "rollback", "canaries", "guard", "isolation", "posting_checks", "periods", "closures", "commands"]
NAMES += ["bus", "flagd", "flag_streams", "flag_sets", "ofrep_paced"]


def main() -> None:
    named, options = sys.argv[1:2], sys.argv[2:]
    if named and named[0] not in NAMES:
        raise SystemExit(f"one of {', '.join(NAMES)}")
    print(hardware())
    for name in named or NAMES:
        print(f"\n== {name} ==")
        sys.argv = [f"benchmarks {name}", *options]
        import_module(f"benchmarks.{name}").main()


if __name__ == "__main__":
    main()
