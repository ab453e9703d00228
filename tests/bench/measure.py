"""Runs commands and measures them whole: wall time, and the largest resident set of the process tree."""

import os
import platform
import signal
import statistics
import subprocess
import time


class Failed(Exception):
    """A command that did not succeed."""


def run(command, cwd, timeout, log):
    """Runs one command; returns (seconds, MiB), or None where the time is up."""
    with open(log, "wb") as out:
        start = time.perf_counter()
        child = subprocess.Popen(
            [str(part) for part in command], cwd=cwd, stdout=out, stderr=out, stdin=subprocess.DEVNULL, start_new_session=True
        )
        signal.signal(signal.SIGALRM, lambda *_: os.killpg(child.pid, signal.SIGKILL))
        signal.setitimer(signal.ITIMER_REAL, timeout)
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - start
        signal.setitimer(signal.ITIMER_REAL, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode == -signal.SIGKILL and seconds >= timeout:
        return None
    if child.returncode:
        with open(log, errors="replace") as out:
            tail = out.read()[-2000:]
        raise Failed(f"`{' '.join(map(str, command))}` ended with {child.returncode}:\n{tail}")
    return seconds, usage.ru_maxrss / 1024


def summary(samples):
    """Medians of (seconds, MiB) samples; `None` among them is a run whose time was up."""
    done = [sample for sample in samples if sample is not None]
    if not done:
        return {"runs": len(samples), "timed-out": True}
    seconds = [sample[0] for sample in done]
    return {
        "runs": len(done),
        "seconds": round(statistics.median(seconds), 4),
        "min": round(min(seconds), 4),
        "max": round(max(seconds), 4),
        "mib": round(max(sample[1] for sample in done), 1),
    }


def machine():
    """What the figures were measured on; nothing that names the machine."""
    model = "unknown"
    with open("/proc/cpuinfo") as info:
        for line in info:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    with open("/proc/meminfo") as info:
        memory = int(info.readline().split()[1]) // (1 << 20)
    return {
        "cpu": model,
        "cores": len(os.sched_getaffinity(0)),
        "memory-gib": memory,
        "kernel": platform.release().split("-")[0],
        "python": platform.python_version(),
    }
