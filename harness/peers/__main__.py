"""The command line of the peers: python3 -m peers bench|verify, --help for the rest."""

import argparse
import importlib
import pkgutil
import re
import signal
import sys
import warnings
from typing import Any, Dict, List, Optional

from . import rows
from .binary import Binary, Refused

WELL, CHECK_FAILED, BAD_INPUT, LACKS, INTERRUPTED = 0, 1, 2, 4, 130


def complain(sentence: str) -> None:
    print(f"peers: {sentence}", file=sys.stderr, flush=True)


def pattern(text: str) -> "re.Pattern[str]":
    try:
        return re.compile(text)
    except re.error as error:
        raise argparse.ArgumentTypeError(f"{text}: {error}: expected a regular expression")


def seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text}: expected a number of seconds above 0")
    return value


def parse(arguments: Optional[List[str]] = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="peers", description="Checks other implementations, and with bench times them.",
        epilog="Exit status: 0 all well, 1 a check failed, 2 bad usage or input, 3 nothing "
               "matched, 4 the machine lacks what was asked for, 130 interrupted.")
    parser.add_argument("verb", choices=["bench", "verify"])
    parser.add_argument("--suite", nargs="+", default=["quick"], help="of cases/, or a path")
    for name, what in (("op", "operations"), ("case", "cases"), ("peer", "peers (op/name@peer)")):
        parser.add_argument(f"--{name}", type=pattern, default=pattern(""), metavar="RE",
                            help=f"only {what} that match this regular expression")
    parser.add_argument("--device", choices=["cuda", "cpu"],
                        help="default: cuda where there is one")
    parser.add_argument("--budget", type=seconds, metavar="S",
                        help="leave out, and name, what does not fit in this time")
    parser.add_argument("--out", metavar="FILE", help="append a JSON line a row to FILE")
    parser.add_argument("--ssmbench", metavar="PATH",
                        help="default: build/ssmbench beside harness/")
    result = parser.parse_args(arguments)
    if result.verb == "bench" and not result.out:
        parser.error("bench: expected --out FILE")
    return result


def all_peers() -> List[Any]:
    """Those whose packages are installed; of each other one a line."""
    from . import implementations
    peers: List[Any] = []
    for module in sorted(m.name for m in pkgutil.iter_modules(implementations.__path__)):
        try:
            peers += importlib.import_module(f"{implementations.__name__}.{module}").PEERS
        except ModuleNotFoundError as error:
            complain(f"{module}: no Python module {error.name}: left out")
        except Exception as error:  # a package that is broken in whatever way
            complain(f"{module}: {' '.join(str(error).split())}: left out")
    return peers


def machine_of(info: rows.Row, device: str, torch: Any) -> Dict[str, Any]:
    """What rows of this device have as `machine`: as ssmbench's own, if it was built for it."""
    machine: Dict[str, Any] = dict(info.get(device, {}))
    if "missing" not in machine:
        return machine
    complain(f"ssmbench does not know this GPU ({machine['missing']}): rows have its name, but no "
             "bandwidth of a copy")
    gpu = torch.cuda.get_device_properties(0)
    return {"name": gpu.name, "cpu": info["cpu"]["cpu"], "threads": info["cpu"]["threads"],
            "cuda": torch.version.cuda, "multiprocessors": gpu.multi_processor_count,
            "cache_mb": gpu.L2_cache_size * 1e-6}


def run(arguments: argparse.Namespace) -> int:
    binary = Binary(arguments.ssmbench)
    try:
        import torch
    except ImportError as error:
        raise Refused(LACKS, f"{error}: expected PyTorch") from error
    has_cuda = torch.cuda.is_available()
    name = arguments.device or ("cuda" if has_cuda else "cpu")
    if name == "cuda" and not has_cuda:
        raise Refused(LACKS, "--device cuda: PyTorch sees no GPU")
    from .bench import Campaign, Options
    from .device import Device
    device, info = Device(name), binary.info()
    machine = machine_of(info, name, torch)
    device.prepare(machine)
    options = Options(arguments.suite, arguments.op, arguments.case, arguments.peer,
                      arguments.verb == "bench", arguments.budget)
    try:
        file = rows.File(arguments.out)
    except OSError as error:
        raise Refused(BAD_INPUT, f"{error}: expected a file that can be written") from error
    campaign = Campaign(binary, device, all_peers(), options, machine, info, file)
    try:
        campaign.run()
    finally:
        if campaign.count:
            counts = sorted(campaign.count.items())
            print(", ".join(f"{count} {status}" for status, count in counts))
        file.close()
    failed = set(campaign.count) - {"PASS", "SKIPPED"}
    return CHECK_FAILED if failed else WELL


def main() -> int:
    warnings.filterwarnings("ignore", message="Failed to initialize NumPy")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    arguments = parse()
    try:
        return run(arguments)
    except Refused as refused:
        complain(str(refused))
        return refused.status
    except KeyboardInterrupt:
        complain("interrupted; the finished rows are kept")
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
