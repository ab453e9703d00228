"""Sums up a shop's orders, for redun: a call for each day that there is, and one for all."""

import glob

from redun import File, task

redun_namespace = "shop"


@task()
def day_total(orders: File) -> int:
    return sum(int(line.split(",")[1]) for line in orders.read().splitlines())


@task()
def all_days(totals: list) -> int:
    return sum(totals)


@task(cache=False)  # it lists a folder, which redun does not know
def main(folder: str = "orders") -> int:
    paths = sorted(glob.glob(f"{folder}/*.csv"))
    return all_days([day_total(File(path)) for path in paths])
