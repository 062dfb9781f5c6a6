"""Tests of the shop with FastAPI's own test client, which know nothing of bolide."""

import importlib.metadata

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from fastapi_shop import app
from starlette.applications import Starlette
from starlette.routing import Router


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


def test_it_is_what_it_says() -> None:
    assert issubclass(FastAPI, Starlette)
    assert isinstance(app.router, Router)
    assert importlib.metadata.version("starlette") == "1.10.0"
