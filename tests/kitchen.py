"""The site of the cookbook, with the inbox and the payment provider it works with.

One small part for each recipe, and each can be broken as such sites break.
"""

from __future__ import annotations

import itertools
import json
import re
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from email.parser import BytesParser
from functools import partial
from html import escape
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar, NamedTuple
from urllib.parse import parse_qs, urlsplit

import pyotp

PASSWORD = "analytical-engine"
TOKEN = "a-token-for-notes"
TEST_CARD = "4242 4242 4242 4242"
#: What the region of the page asks for, but for where the inbox is.
VARIABLES = {
    "SHOP_USER": "ada@shop.example",
    "SHOP_PASSWORD": PASSWORD,
    "CAREFUL_USER": "grace@shop.example",
    "CAREFUL_TOTP": pyotp.random_base32(),
    "FORGETFUL_USER": "alan@shop.example",
    "NOTES_TOKEN": TOKEN,
    "CARD_NUMBER": TEST_CARD,
}


class Asked(NamedTuple):
    """A request."""

    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def form(self) -> Mapping[str, str]:
        """The fields of a form."""
        return {name: values[0] for name, values in parse_qs(self.body.decode()).items()}

    @property
    def cookies(self) -> Mapping[str, str]:
        """What the browser keeps for the site."""
        kept = SimpleCookie(self.headers.get("cookie", ""))
        return {name: each.value for name, each in kept.items()}


class Reply(NamedTuple):
    """An answer."""

    body: str = ""
    status: int = 200
    headers: Mapping[str, str] = {}


def page(title: str, body: str = "") -> Reply:
    """A page of the site."""
    text = f"<!doctype html><html lang=en><title>{title}</title><h1>{title}</h1>{body}"
    return Reply(text, headers={"Content-Type": "text/html; charset=utf-8"})


def found(value: object, status: int = 200) -> Reply:
    """An answer of an API."""
    return Reply(json.dumps(value), status, {"Content-Type": "application/json"})


def onward(path: str, **headers: str) -> Reply:
    """To another page."""
    return Reply("", 303, {"Location": path, **headers})


class Kitchen:
    """The site (`url`) and those it works with (`others`), until it is closed."""

    def __init__(self) -> None:
        #: The recipe whose part is broken; empty: none is.
        self.broken = ""
        self.sessions: set[str] = set()
        self.half_signed_in: dict[str, str] = {}
        self.mails: list[dict[str, str]] = []
        self.carts: dict[str, int] = {}
        self.notes: dict[str, str] = {}
        self.paid: set[str] = set()
        self._numbers = itertools.count(1)
        self._servers = [_serve(self._site), _serve(self._others)]
        self.url, self.others = (
            f"http://127.0.0.1:{server.server_address[1]}" for server in self._servers
        )

    def close(self) -> None:
        """Serve no more."""
        for server in self._servers:
            server.shutdown()
            server.server_close()

    # The site

    def _site(self, method: str, asked: Asked) -> Reply:
        parts: dict[str, Callable[[Asked], Reply]] = {
            "POST /api/session": self._session,
            "GET /orders": self._orders,
            "GET /sign-in": lambda _: page("Sign in", _SIGN_IN),
            "POST /sign-in": self._sign_in,
            "GET /code": lambda _: page("One more thing", _CODE),
            "POST /code": self._code,
            "GET /forgotten": lambda _: page("Forgotten", _FORGOTTEN),
            "POST /forgotten": self._forgotten,
            "GET /receipts": lambda _: page("Receipts", _RECEIPTS),
            "POST /receipts": self._receipt,
            "GET /checkout": lambda _: page("Checkout", "<a href=/terms target=_blank>Terms</a>"),
            "GET /terms": lambda _: page("Nothing" if self._is("read_terms") else "Terms"),
            "GET /help": lambda _: page("Help", "<iframe title=Chat src=/chat></iframe>"),
            "GET /chat": lambda _: page("Chat", _CHAT),
            "POST /chat": self._chat,
            "GET /pay": lambda _: page(
                "Payment", f"<iframe title=Card src={self.others}/card></iframe>"
            ),
            "GET /paid": self._thank,
            "GET /products": self._products,
            "POST /products": self._add,
            "GET /cart": self._cart,
            "POST /api/notes": self._write,
        }
        if answer := parts.get(f"{method} {asked.path}"):
            return answer(asked)
        if reset := re.fullmatch(r"/reset/(\w+)", asked.path):
            return page("Choose a new password" if reset[1] else "Gone")
        if note := re.fullmatch(r"/api/notes/(\d+)", asked.path):
            return self._note(method, note[1], asked)
        return Reply("", 404)

    def _is(self, recipe: str) -> bool:
        return self.broken == recipe

    def _begin(self) -> dict[str, str]:
        """A session, as the header that a browser keeps it by."""
        session = secrets.token_hex(8)
        self.sessions.add(session)
        return {"Set-Cookie": f"session={session}; Path=/"}

    def _session(self, asked: Asked) -> Reply:
        said = json.loads(asked.body)
        if (said["user"], said["password"]) != (VARIABLES["SHOP_USER"], PASSWORD):
            return Reply("", 401)
        return Reply("", 204, self._begin())

    def _orders(self, asked: Asked) -> Reply:
        if asked.cookies.get("session") not in self.sessions:
            return onward("/sign-in")
        return page("Sorry" if self._is("see_orders") else "Your orders")

    def _sign_in(self, asked: Asked) -> Reply:
        if asked.form.get("password") != PASSWORD:
            return page("Sign in", _SIGN_IN)
        half = secrets.token_hex(8)
        self.half_signed_in[half] = asked.form["user"]
        return onward("/code", **{"Set-Cookie": f"half={half}; Path=/"})

    def _code(self, asked: Asked) -> Reply:
        right = pyotp.TOTP(VARIABLES["CAREFUL_TOTP"]).verify(asked.form["code"], valid_window=1)
        known = asked.cookies.get("half") in self.half_signed_in
        if not (right and known) or self._is("sign_in_with_code"):
            return page("One more thing", f"<p>That is not the code</p>{_CODE}")
        return onward("/orders", **self._begin())

    def _forgotten(self, asked: Asked) -> Reply:
        if not self._is("forgotten_password"):
            text = f"Follow this link: {self.url}/reset/{secrets.token_hex(8)}\n"
            mail = {"ID": str(next(self._numbers)), "to": asked.form["mail"], "Text": text}
            self.mails.append(mail)
        return page("Forgotten", "<p>We have sent you a link</p>")

    def _receipt(self, asked: Asked) -> Reply:
        head = f"Content-Type: {asked.headers['content-type']}\r\n\r\n".encode()
        parts = BytesParser().parsebytes(head + asked.body).get_payload()
        assert isinstance(parts, list)
        data = parts[0].get_payload(decode=True)
        assert isinstance(data, bytes)
        size = 0 if self._is("upload_receipt") else len(data)
        name = escape(parts[0].get_filename() or "")
        return page("Receipts", f"<p>{name}, {size} bytes</p>")

    def _chat(self, _: Asked) -> Reply:
        busy = self._is("ask_for_help")
        return page("Chat", "<p>All are busy" if busy else "<p>Somebody will be with you")

    def _thank(self, asked: Asked) -> Reply:
        if asked.query.get("payment") not in self.paid or self._is("pay_by_card"):
            return page("Payment", "<p>We do not know of your payment</p>")
        return page("Thank you", "<p>Paid: 7.70 €</p>")

    def _products(self, asked: Asked) -> Reply:
        count = self.carts.get(asked.cookies.get("cart", ""), 0)
        return page("Products", f"<p>{count} item</p>{_ADD}")

    def _add(self, asked: Asked) -> Reply:
        cart = asked.cookies.get("cart") or secrets.token_hex(8)
        self.carts[cart] = self.carts.get(cart, 0) + 1
        return onward("/products", **{"Set-Cookie": f"cart={cart}; Path=/"})

    def _cart(self, asked: Asked) -> Reply:
        count = self.carts.get(asked.cookies.get("cart", ""), 0)
        if not count or self._is("two_tabs"):
            return page("Cart", "<p>Your cart is empty</p>")
        return page("Cart", "<ul><li>Tea</li></ul>")

    def _write(self, asked: Asked) -> Reply:
        if asked.headers.get("authorization") != f"Bearer {TOKEN}":
            return Reply("", 401)
        number = str(next(self._numbers))
        self.notes[number] = json.loads(asked.body)["text"]
        return Reply("", 201, {"Location": f"/api/notes/{number}"})

    def _note(self, method: str, number: str, asked: Asked) -> Reply:
        if asked.headers.get("authorization") != f"Bearer {TOKEN}":
            return Reply("", 401)
        if number not in self.notes:
            return Reply("", 404)
        if method == "DELETE":
            if not self._is("keep_a_note"):
                del self.notes[number]
            return Reply("", 204)
        return found({"text": self.notes[number]})

    # Those it works with

    def _others(self, method: str, asked: Asked) -> Reply:
        if asked.path == "/api/v1/search":
            to = asked.query["query"].removeprefix("to:")
            return found({"messages": [mail for mail in self.mails if mail["to"] == to]})
        if mail := re.fullmatch(r"/api/v1/message/(\d+)", asked.path):
            return found(next(each for each in self.mails if each["ID"] == mail[1]))
        if asked.path == "/card":
            return page("Card", _CARD)
        if f"{method} {asked.path}" == "POST /charge" and asked.form["number"] == TEST_CARD:
            payment = secrets.token_hex(8)
            self.paid.add(payment)
            return onward(f"{self.url}/paid?payment={payment}")
        return Reply("", 404)


_SIGN_IN = """<form method=post><label>User name <input name=user></label>
<label>Password <input name=password type=password></label><button>Sign in</button></form>"""
_CODE = """<form method=post><label>One-time code <input name=code></label>
<button>Go on</button></form>"""
_FORGOTTEN = """<form method=post><label>E-mail <input name=mail></label>
<button>Send me a link</button></form>"""
_RECEIPTS = """<form method=post enctype=multipart/form-data>
<label>Receipt <input name=receipt type=file></label><button>Hand in</button></form>"""
_CHAT = """<form method=post><label>Your question <input name=question></label>
<button>Ask</button></form>"""
_CARD = """<form method=post action=/charge target=_top><label>Number <input name=number></label>
<label>Expires <input name=expires></label><button>Pay 7.70 €</button></form>"""
_ADD = "<form method=post><button>Add tea to cart</button></form>"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    answer: ClassVar[Callable[[str, Asked], Reply]]

    def do_GET(self) -> None:
        """Answer whatever is asked."""
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(int(headers.get("content-length", 0)))
        reply = type(self).answer(self.command, Asked(url.path, query, headers, body))
        data = reply.body.encode()
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.status != 204:
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_POST = do_DELETE = do_GET  # noqa: N815  # the base class wants these names

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


def _serve(answer: Callable[[str, Asked], Reply]) -> ThreadingHTTPServer:
    handler = type("Handler", (_Handler,), {"answer": staticmethod(answer)})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    serve = partial(server.serve_forever, poll_interval=0.05)
    threading.Thread(target=serve, daemon=True).start()
    return server


@contextmanager
def open_kitchen() -> Iterator[Kitchen]:
    """A kitchen, closed at the end."""
    kitchen = Kitchen()
    try:
        yield kitchen
    finally:
        kitchen.close()
