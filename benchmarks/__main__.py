"""Every benchmark runs in the order of this list."""

from importlib import import_module

from benchmarks.measure import hardware

NAMES = ["evaluation", "ofrep", "votes", "waiting", "settings", "setting_writes", "settings_cache", "reads", "bundles"]


def main() -> None:
    print(hardware())
    for name in NAMES:
        print(f"\n== {name} ==")
        import_module(f"benchmarks.{name}").main()


if __name__ == "__main__":
    main()
