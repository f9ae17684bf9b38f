"""A shop's tasks, for the dashboard to show. It lies in a folder of its own, so that its tasks are named ``shop.…``."""

import time

from jobs import connection, loop, progress, task
from jobs.supervise.ping import Ping

GO = "demo:go"
"""Jobs that wait end as soon as this key is there."""


class PaymentRefused(Exception):
    """The bank said no."""


@task(queue="mail", key=lambda order, **_: f"customer:{order % 7}", label=lambda order: f"Receipt for order {order}")
def send_receipt(order: int, to: str = "") -> str:
    time.sleep(0.01)
    return f"sent to {to}"


@task(attempts=1)
def charge_card(order: int, amount: float, api_key: str = "") -> None:
    raise PaymentRefused(f"order {order}: card declined by the bank")


@task(attempts=1, queue="images")
def resize_image(path: str, width: int) -> str:
    if path.endswith(".gif"):
        raise ValueError(f"{path}: animated images cannot be resized")
    return path


@task(attempts=1)
def print_slip(printer: str) -> None:
    raise OSError(f"{printer} is out of paper")


@task(attempts=5, backoff=600.0)
def fetch_rates(bank: str) -> None:
    raise ConnectionError(f"{bank} does not answer")


@task(timeout=600.0)
def import_catalogue(supplier: str, pages: int = 400) -> int:
    """Runs, and says how far it is, until it is let go."""
    done = 0
    while not connection.default().exists(GO):
        done = min(done + 7, pages * 9 // 10)
        progress(done / pages, f"page {done} of {pages}")
        time.sleep(0.2)
    return done


@task(queue="mail", attempts=1, policy="halt", key=lambda customer, number: f"invoice:{customer}")
def send_invoice(customer: str, number: int) -> str:
    if customer == "northwind" and number == 1001:
        raise LookupError(f"invoice {number}: {customer} has no address")
    return f"invoice {number}"


@task(every="15m")
def refresh_stock() -> int:
    return 0


@task(cron="0 6 * * 1-5", tz="Europe/Berlin")
def morning_report() -> str:
    return "all is well"


@loop("prices", every=1.0, max_silence=30.0)
def follow_prices(ping: Ping) -> None:
    ping()
