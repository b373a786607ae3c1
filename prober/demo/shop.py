"""A small web shop to observe and to break: pages, an account API, its own metrics.

`python -m prober.demo.shop --port 8000` serves it. It is one customer's shop, in memory
only; every browser has its own cart. `POST /_faults` breaks it, see `prober.demo.faults`.
"""

from __future__ import annotations

import argparse
import hmac
import itertools
import os
import re
import socket
import sys
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Final
from urllib.parse import parse_qsl

import uvicorn
from jinja2 import Environment, PackageLoader
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import (
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
)
from starlette.routing import Route
from starlette.types import ASGIApp

from prober.access import listen
from prober.demo.faults import Breaking, ConnectionShown, Counting, Faults, Traffic
from prober.demo.static import FILES, MEDIA_TYPES, address, landscape
from prober.demo.store import Store
from prober.errors import ProberError

COOKIE: Final = "shop_session"


@dataclass(frozen=True, slots=True)
class Customer:
    """The one who may sign in."""

    user: str = "ada@shop.example"
    password: str = field(default="analytical-engine", repr=False)
    name: str = "Ada"

    def is_known_by(self, user: str, password: str) -> bool:
        """Whether these are the customer's own, or of an account with a tag: `ada+eu@…`."""
        given, own = f"{_untagged(user)}\0{password}", f"{_untagged(self.user)}\0{self.password}"
        return hmac.compare_digest(given.encode(), own.encode())


def _untagged(user: str) -> str:
    """A user name without what mail systems ignore.

    >>> _untagged("ada+eu-west-1@shop.example")
    'ada@shop.example'
    """
    return re.sub(r"\+[^@]*", "", user, count=1)


@dataclass(frozen=True, slots=True)
class Product:
    """A print on sale."""

    slug: str
    name: str
    cents: int

    @property
    def picture(self) -> str:
        """The name of its asset."""
        return f"{self.slug}.svg"


@dataclass(frozen=True, slots=True)
class Order:
    """What was paid for."""

    number: str
    cents: int


@dataclass(slots=True)
class Session:
    """What the shop remembers of one browser."""

    signed_in: bool = False
    cart: set[str] = field(default_factory=set)
    order: Order | None = None

    @property
    def items(self) -> list[Product]:
        """The products in the cart, as the shop sorts them."""
        return [product for product in PRODUCTS.values() if product.slug in self.cart]

    @property
    def cents(self) -> int:
        """The sum of their prices."""
        return sum(product.cents for product in self.items)


def money(cents: int) -> str:
    """An amount for people.

    >>> money(2450)
    '€24.50'
    """
    return f"€{decimal(cents)}"


def decimal(cents: int) -> str:
    """An amount for programs.

    >>> decimal(905)
    '9.05'
    """
    return f"{cents // 100}.{cents % 100:02d}"


PRODUCTS: Final = {
    name.lower().replace(" ", "-"): Product(name.lower().replace(" ", "-"), name, cents)
    for name, cents in (
        ("First light", 2450), ("Quiet valley", 1890), ("Long ridge", 3200), ("Blue hour", 2795),
        ("Pine slope", 1650), ("North wind", 2120), ("Low sun", 2990), ("Far country", 3575),
        ("After rain", 1945), ("High meadow", 2260), ("Last snow", 2705), ("Copper hills", 3150),
        ("Night pass", 2380), ("Old forest", 1725), ("Still lake", 2840), ("Open road", 3310),
    )
}  # fmt: skip
ASSETS: Final = {
    **FILES,
    **{product.picture: landscape(product.name) for product in PRODUCTS.values()},
}
TEMPLATES: Final = Environment(loader=PackageLoader("prober.demo"), autoescape=True)
TEMPLATES.globals["asset"] = {name: address(name, ASSETS[name]) for name in ASSETS}.__getitem__
TEMPLATES.filters["money"] = money


class Shop:
    """The pages and the account API; a method for every route."""

    def __init__(self, customer: Customer) -> None:
        self.customer = customer
        self.faults = Faults()
        self.traffic = Traffic()
        self.sessions: Store[Session] = Store()
        self.tokens: Store[Customer] = Store()
        self.orders = deque([Order("R-100001", 4340), Order("R-100002", 1650)], maxlen=20)
        self._numbers = (f"R-{n}" for n in itertools.count(100003))

    async def products(self, request: Request) -> Response:
        """Everything on sale."""
        return self._page(request, "products.html", products=PRODUCTS.values())

    async def cart(self, request: Request) -> Response:
        """What is in the cart; a POST adds or removes a product."""
        if request.method != "POST":
            return self._page(request, "cart.html")
        form = await _form(request)
        key = request.cookies.get(COOKIE, "")
        session = self.sessions.get(key)
        if session is None:
            session = Session()
            key = self.sessions.put(session)
        session.cart |= {form.get("add", "")} & PRODUCTS.keys()
        session.cart -= {form.get("remove", "")}
        return _redirect("/cart", key)

    async def login(self, request: Request) -> Response:
        """The sign-in form, and what becomes of it."""
        button = self.faults.at("login") != "missing_button"
        if request.method != "POST":
            return self._page(request, "login.html", button=button)
        form = await _form(request)
        if not self.customer.is_known_by(form.get("user", ""), form.get("password", "")):
            return self._page(request, "login.html", 401, button=button, wrong=True)
        session = self._session(request)
        session.signed_in = True
        self.sessions.drop(request.cookies.get(COOKIE, ""))  # a new key: others may know the old
        return _redirect("/", self.sessions.put(session))

    async def logout(self, request: Request) -> Response:
        """Forget the browser."""
        self.sessions.drop(request.cookies.get(COOKIE, ""))
        response = _redirect("/")
        response.delete_cookie(COOKIE)
        return response

    async def checkout(self, request: Request) -> Response:
        """Address and payment of what is in the cart."""
        fault = self.faults.at("checkout")
        if fault == "expired_session":
            self.sessions.drop(request.cookies.get(COOKIE, ""))
        session = self._session(request)
        if not (session.signed_in and session.cart):
            return _redirect("/cart" if session.signed_in else "/login")
        cents = session.cents + (490 if fault == "wrong_total" else 0)
        missing = [name for name in ("name", "address") if not (await _form(request)).get(name)]
        if request.method == "POST" and not missing:
            return self._pay(session, cents)
        status = 422 if request.method == "POST" else 200
        button = fault != "missing_button"
        return self._page(request, "checkout.html", status, cents=cents, button=button)

    def _pay(self, session: Session, cents: int) -> Response:
        session.order = Order(next(self._numbers), cents)
        session.cart.clear()
        self.orders.append(session.order)
        return _redirect("/confirmation")

    async def confirmation(self, request: Request) -> Response:
        """The order just paid."""
        return (
            self._page(request, "confirmation.html")
            if self._session(request).order
            else (_redirect("/"))
        )

    async def token(self, request: Request) -> Response:
        """A bearer token for user and password; DELETE gives it back."""
        if request.method == "DELETE":
            self.tokens.drop(_bearer(request))
            return Response(status_code=204)
        try:
            given = dict(await request.json())
        except (ValueError, TypeError):
            return JSONResponse({"error": "the body is not a JSON object"}, 400)
        if not self.customer.is_known_by(str(given.get("user")), str(given.get("password"))):
            return JSONResponse({"error": "wrong user or password"}, 401)
        return JSONResponse({"token": self.tokens.put(self.customer), "type": "bearer"})

    async def account(self, request: Request) -> Response:
        """Name, open balance and the orders it is the sum of."""
        fault = self.faults.at("api")
        if fault == "expired_session":
            self.tokens.drop(_bearer(request))
        customer = self.tokens.get(_bearer(request))
        if customer is None:
            challenge = {"WWW-Authenticate": "Bearer"}
            return JSONResponse({"error": "no valid token"}, 401, challenge)
        balance = sum(order.cents for order in self.orders)
        return JSONResponse(
            {
                "name": customer.name,
                "currency": "EUR",
                "balance": decimal(balance + (490 if fault == "wrong_total" else 0)),
                "orders": [{"number": o.number, "total": decimal(o.cents)} for o in self.orders],
            },
            headers={"Cache-Control": "no-store"},
        )

    async def static(self, request: Request) -> Response:
        """Styles, scripts and pictures."""
        name = request.path_params["name"]
        if name not in ASSETS:
            return PlainTextResponse("not found", 404)
        headers = {"Cache-Control": "public, max-age=31536000, immutable"}
        return Response(ASSETS[name], headers=headers, media_type=MEDIA_TYPES[Path(name).suffix])

    async def metrics(self, _: Request) -> Response:
        """The shop's own view of itself, in Prometheus text."""
        text = self.traffic.exposition()
        return PlainTextResponse(text, media_type="text/plain; version=0.0.4")

    async def control(self, request: Request) -> Response:
        """The fault that is on; a POST switches."""
        if request.method == "POST":
            try:
                self.faults.switch(**await request.json())
            except ValueError as error:
                return JSONResponse({"error": str(error)}, 400)
            except TypeError:
                mend = 'write {"fault": …} with "where" and "seconds" if wanted'
                return JSONResponse({"error": f"the body is not a switch, {mend}"}, 400)
        return JSONResponse(self.faults.state())

    def _session(self, request: Request) -> Session:
        return self.sessions.get(request.cookies.get(COOKIE, "")) or Session()

    def _page(self, request: Request, name: str, status: int = 200, **values: object) -> Response:
        html = TEMPLATES.get_template(name).render(
            session=self._session(request), customer=self.customer, **values
        )
        return HTMLResponse(html, status, headers={"Cache-Control": "private, no-cache"})


def app(customer: Customer | None = None) -> Starlette:
    """The shop as an ASGI application; the fault `reset` needs the server of `serve`."""
    shop = Shop(customer or Customer())
    both = ["GET", "POST"]
    routes = [
        Route("/", shop.products),
        Route("/cart", shop.cart, methods=both),
        Route("/login", shop.login, methods=both),
        Route("/logout", shop.logout, methods=["POST"]),
        Route("/checkout", shop.checkout, methods=both),
        Route("/confirmation", shop.confirmation),
        Route("/api/token", shop.token, methods=["POST", "DELETE"]),
        Route("/api/account", shop.account),
        Route("/static/{name}", shop.static),
        Route("/metrics", shop.metrics),
        Route("/_faults", shop.control, methods=both),
    ]
    middleware = [
        Middleware(Counting, traffic=shop.traffic),
        Middleware(Breaking, faults=shop.faults),
    ]
    handlers = {ClientDisconnect: _left}
    return Starlette(routes=routes, middleware=middleware, exception_handlers=handlers)


async def _left(_request: Request, _error: Exception) -> Response:
    """What nobody will read: who asked has gone in the middle of it."""
    return Response(status_code=400)


async def _form(request: Request) -> dict[str, str]:
    return dict(parse_qsl((await request.body()).decode(errors="replace")))


def _bearer(request: Request) -> str:
    return request.headers.get("Authorization", "").removeprefix("Bearer ")


def _redirect(to: str, key: str | None = None) -> RedirectResponse:
    response = RedirectResponse(to, 303)
    if key:
        response.set_cookie(COOKIE, key, httponly=True, samesite="lax")
    return response


class _Server(uvicorn.Server):
    """Stops at once, whatever hangs: the shop keeps nothing that a slow end could save."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        os._exit(0)


def serve(shop: ASGIApp, listener: socket.socket) -> None:
    """Serve on a listening socket until SIGTERM or Ctrl-C, which end the process."""
    _Server(
        uvicorn.Config(
            shop, http=ConnectionShown, ws="none", lifespan="off", log_level="error",
            timeout_keep_alive=75,
        )
    ).run([listener])  # fmt: skip


def _given(name: str, default: str) -> str:
    """A setting from the environment, or from the file that `<name>_FILE` names there."""
    if file := os.environ.get(f"{name}_FILE"):
        return Path(file).read_text().removesuffix("\n")
    return os.environ.get(name, default)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m prober.demo.shop", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one (default)")
    parser.add_argument("--user", default=_given("SHOP_USER", Customer().user))
    parser.add_argument("--password", default=_given("SHOP_PASSWORD", Customer().password))
    options = parser.parse_args()
    try:
        listener = listen(options.host, options.port, "--host or --port")
    except ProberError as error:
        sys.exit(f"shop: {error}")
    host, port = listener.getsockname()[:2]
    print(f"shop is ready on http://{host}:{port}", flush=True)
    serve(app(Customer(options.user, options.password)), listener)


if __name__ == "__main__":
    main()
