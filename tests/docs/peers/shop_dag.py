"""Sums up a shop's orders, for Airflow: a task for each day that there is, and one for all."""

import pathlib

import pendulum
from airflow.sdk import dag, task

ORDERS = pathlib.Path("/srv/shop/orders")


@dag(schedule="@daily", start_date=pendulum.datetime(2026, 1, 1), catchup=False)
def shop():
    @task
    def days():
        return sorted(path.stem for path in ORDERS.glob("*.csv"))

    @task(retries=2)
    def day_total(day):
        lines = (ORDERS / f"{day}.csv").read_text().splitlines()
        return sum(int(line.split(",")[1]) for line in lines)

    @task
    def all_days(totals):
        return sum(totals)

    all_days(day_total.expand(day=days()))


shop()
