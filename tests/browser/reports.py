"""Reports made up for the page's tests: none, one, evil names, a hundred thousand tasks."""

import datetime
import random

STATES = ("cached", "ran", "failed", "blocked", "waiting", "skipped")
EVIL = "<script>document.title='owned'</script><img src=x onerror=document.title='owned'></script>\u202egpj.exe\x1b[31m\x00\u2028&amp;\"'`"


def task(name, state="cached", params=None, needs=(), seconds=0.5, **more):
    return {"plugin": "flights", "task": name, "params": params or {}, "state": state, "seconds": seconds, "needs": list(needs), **more}


def report(tasks, seconds=1.0, notes=(), **totals):
    counts = {state: sum(1 for task in tasks if task["state"] == state) for state in STATES}
    saved = sum(task["seconds"] for task in tasks if task["state"] == "cached")
    totals = {"tasks": len(tasks), **counts, "seconds": seconds, "saved-seconds": saved, **totals}
    return {"format": 1, "answered-by": "walk", "totals": totals, "tasks": tasks, "notes": list(notes)}


def timing(ready, *spells):
    return {"ready": ready, "spells": [{"slot": slot, "started": start, "ended": end} for slot, start, end in spells]}


def evil():
    """Everything that others write is `EVIL`."""
    first = task(EVIL, "ran", {"name": EVIL, EVIL: "x"}, timing=timing(0, (0, 0.1, 0.6)), reason=[{"kind": "param-changed", "name": EVIL, "old": EVIL, "new": None}])
    second = task(EVIL + "2", "failed", {"a": EVIL}, [0], message=EVIL, log=f"line\n{EVIL}", timing=timing(0.6, (0, 0.6, 0.9)))
    return report([first, second, task("last", "blocked", {"b": EVIL}, [1], message=EVIL)], notes=[EVIL])


def scheduled(tasks, slots, seed=1):
    """Gives the tasks that run times on slots, each after what it needs."""
    dice = random.Random(seed)
    free = [0.0] * slots
    ends = {}
    for at, it in enumerate(tasks):
        if it["state"] not in ("ran", "failed"):
            continue
        ready = max((ends.get(need, 0.0) for need in it["needs"]), default=0.0)
        slot = min(range(slots), key=lambda slot: (max(free[slot], ready), slot))
        start = max(free[slot], ready) + 0.0001
        it["seconds"] = round(it["seconds"] * dice.uniform(0.5, 1.7), 6)
        free[slot] = ends[at] = start + it["seconds"]
        it["timing"] = timing(round(ready, 6), (slot, round(start, 6), round(ends[at], 6)))
    return max(free)


def digest(n):
    return "b3:" + f"{n * 0x9E3779B97F4A7C15 % 2**64:016x}" * 4


def days(n, broken=True):
    """A year's report like the demo's: split, delays and weather a day, a week of delays, reports; one day failed."""
    first = datetime.date(2013, 1, 1)
    split = task("split-by-day", "cached", {"source": "flights.csv"}, seconds=0.69, key=digest(1), output=digest(2))
    tasks, place = [split], {}
    kinds = {"delays": (0.031, 7), "weather": (0.022, 0), "week": (0.017, 8), "report": (0.046, 9)}
    for kind, (seconds, _) in kinds.items():
        for day in range(n):
            date = str(first + datetime.timedelta(day))
            needs = {
                "delays": [0],
                "weather": [],
                "week": [place["delays", at] for at in range(max(0, day - 6), day + 1)] if kind == "week" else [],
                "report": [place[other, day] for other in ("delays", "weather", "week")] if kind == "report" else [],
            }[kind]
            fresh = day >= n * 0.8
            state = "ran" if fresh else "cached"
            it = task(kind, state, {"date": date, "source": "flights.csv"}, needs, seconds, key=digest(len(tasks) + 7))
            if fresh and kind != "weather":
                it["reason"] = [{"kind": "input-changed", "name": "day", "old": digest(day), "new": digest(day + 9)}]
            elif fresh:
                it["reason"] = [{"kind": "new"}]
            if state == "ran":
                it["usual-seconds"] = seconds
            place[kind, day] = len(tasks)
            tasks.append(it)
    if broken:
        spoil(tasks, place["delays", n - 3])
    end = scheduled(tasks, 4)
    return report(tasks, round(end + 0.02, 6))


def spoil(tasks, bad):
    """Lets a task fail, and what needs it be blocked."""
    for key in ("reason", "usual-seconds"):
        tasks[bad].pop(key, None)
    date = tasks[bad]["params"]["date"]
    tasks[bad].update(
        state="failed", message="exit status 1: the carrier column is missing",
        log=f"reading {date}.csv\n2,811 rows\nerror: line 1: expected `carrier`, found `airline`",
    )
    lost = {bad}
    for at, it in enumerate(tasks):
        hit = next((need for need in it["needs"] if need in lost), None)
        if hit is not None:
            lost.add(at)
            for key in ("reason", "usual-seconds"):
                it.pop(key, None)
            ended = "failed" if hit == bad else "is blocked"
            name = f"{tasks[hit]['task']} date={tasks[hit]['params']['date']} source=flights.csv"
            it.update(state="blocked", seconds=0, message=f"needs `{name}`, which {ended}")


def large(n):
    """`n` tasks in a grid that needs its row above; a third ran."""
    wide = max(1, int(n**0.5))
    tasks = []
    for at in range(n):
        row, column = divmod(at, wide)
        needs = [at - wide + step for step in (-1, 0, 1) if row and 0 <= column + step < wide]
        state = "ran" if at % 3 == 0 else "cached"
        reason = {"reason": [{"kind": "code-changed", "old": digest(1), "new": digest(2)}]} if state == "ran" else {}
        params = {"layer": row, "cell": column, "source": f"s3://bucket/prefix/part-{at:06}.parquet"}
        tasks.append(task(f"cell-{row % 7}", state, params, needs, 0.004, key=digest(at), output=digest(at + 1), **reason))
    return report(tasks, round(scheduled(tasks, 16) + 0.1, 6))
