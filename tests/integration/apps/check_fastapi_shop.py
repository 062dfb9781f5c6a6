"""Tests of the shop with FastAPI's own test client; but for one they know nothing of bolide."""

import importlib.metadata
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from fastapi_shop import app
from starlette.applications import Starlette
from starlette.routing import Mount, Router

from bolide import Bolide


def test_the_shop() -> None:
    with TestClient(app) as client:
        assert client.get("/items/1").json()["name"] == "lamp"
        assert client.get("/notes").json()["state"] == "open"
        assert client.get("/me", headers={"Authorization": "Bearer secret"}).json()["name"] == "ada"
        with client.websocket_connect("/ws/lobby") as websocket:
            websocket.send_text("hello")
            assert websocket.receive_json()["text"] == "hello"
        with pytest.raises(RuntimeError, match="on purpose"):
            client.get("/broken")
    assert app.state.log == ["closed"]


def test_dependencies_can_be_replaced() -> None:
    from fastapi_shop import customer

    app.dependency_overrides[customer] = lambda: "bob"
    with TestClient(app) as client:
        assert client.get("/me").json()["name"] == "bob"
    app.dependency_overrides.clear()


def test_it_lives_in_a_bolide_with_what_is_mounted_beside_it() -> None:
    log: list[str] = []

    @asynccontextmanager
    async def lifespan(beside: Bolide) -> AsyncIterator[dict[str, str]]:
        log.append("opened")
        yield {"beside": "yes"}

    app.state.log.clear()
    whole = Bolide(routes=[Mount("/beside", Bolide(lifespan=lifespan)), Mount("/", app)])
    with TestClient(whole) as client:
        assert log == ["opened"]
        assert client.get("/notes").json()["state"] == "open"
    assert app.state.log == ["closed"]


def test_it_is_what_it_says() -> None:
    assert issubclass(FastAPI, Starlette)
    assert isinstance(app.router, Router)
    assert importlib.metadata.version("starlette") == "1.10.0"
