"""A small web app of somebody's, which puts jobs in: ``gunicorn tests.battery.shop:app``."""

from flask import Flask

from tests.battery import tasks

app = Flask(__name__)


@app.get("/")
def ready() -> str:
    return "{}"


@app.post("/orders")
def order() -> str:
    return f'"{tasks.nap.enqueue(0.01).id}"'
