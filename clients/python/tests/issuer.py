"""An issuer that does as a test says: its documents, its feed, its tokens."""

import base64
import json
import struct
import threading
import time
import uuid
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from cryptography.hazmat.primitives import hashes, hmac, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature


def encoded(data):
    data = data if isinstance(data, bytes) else json.dumps(data).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(value, size=None):
    return encoded(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))


class Signer:
    """A key that signs, and its public JWK."""

    def __init__(self, alg="EdDSA", kid="k1"):
        self.alg, self.kid = alg, kid
        if alg == "EdDSA":
            self._key = ed25519.Ed25519PrivateKey.generate()
            raw = self._key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
            self.jwk = {"kty": "OKP", "crv": "Ed25519", "x": encoded(raw)}
        elif alg == "ES256":
            self._key = ec.generate_private_key(ec.SECP256R1())
            point = self._key.public_key().public_numbers()
            self.jwk = {"kty": "EC", "crv": "P-256", "x": number(point.x, 32), "y": number(point.y, 32)}
        else:
            self._key = rsa.generate_private_key(65_537, 2_048)
            public = self._key.public_key().public_numbers()
            self.jwk = {"kty": "RSA", "n": number(public.n), "e": number(public.e)}
        self.jwk |= {"kid": kid, "alg": alg, "use": "sig"}

    def signature(self, signed):
        if self.alg == "EdDSA":
            return self._key.sign(signed)
        if self.alg == "ES256":
            r, s = decode_dss_signature(self._key.sign(signed, ec.ECDSA(hashes.SHA256())))
            return r.to_bytes(32, "big") + s.to_bytes(32, "big")
        return self._key.sign(signed, padding.PKCS1v15(), hashes.SHA256())

    def header(self, **more):
        return {"alg": self.alg, "typ": "at+jwt", "kid": self.kid, **more}

    def token(self, payload, header=None):
        """Signs; header and payload may be bytes, to be taken as they are."""
        signed = f"{encoded(self.header() if header is None else header)}.{encoded(payload)}"
        return f"{signed}.{encoded(self.signature(signed.encode()))}"


def hs256(secret, header, payload):
    signed = f"{encoded(header)}.{encoded(payload)}"
    mac = hmac.HMAC(secret, hashes.SHA256())
    mac.update(signed.encode())
    return f"{signed}.{encoded(mac.finalize())}"


def watermark(position="1.db.1:0", age=0):
    body = struct.pack(">IQ", age, time.time_ns() // 1_000_000) + position.encode()
    return struct.pack(">BH", 0x10, len(body)) + body


def session_entry(sid, remaining=900):
    body = struct.pack(">I", remaining) + uuid.UUID(sid).bytes
    return struct.pack(">BH", 0x01, len(body)) + body


class Issuer:
    """`answers` has a function for each path, from the query to status, headers and body."""

    def __init__(self):
        self.asked = Counter()
        self.queries = []
        self.signer = Signer()
        self._news = threading.Condition()
        self.answers = {
            "/.well-known/oauth-authorization-server": lambda query: self.json(self.metadata()),
            "/jwks": lambda query: self.json({"keys": [self.signer.jwk]}),
            "/revocations": lambda query: (200, {}, watermark()),
            "/revocations/stream": lambda query: (404, {}, b""),
        }

    def __enter__(self):
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                parts = urlsplit(self.path)
                query = {name: values[0] for name, values in parse_qs(parts.query).items()}
                with issuer._news:
                    issuer.asked[parts.path] += 1
                    issuer.queries.append((parts.path, query))
                    issuer._news.notify_all()
                status, headers, body = issuer.answers.get(parts.path, lambda query: (404, {}, b""))(query)
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()

    def metadata(self, **more):
        return {
            "issuer": self.url,
            "jwks_uri": f"{self.url}/jwks",
            "watchword_session_endpoint": f"{self.url}/session",
            "watchword_revocations_endpoint": f"{self.url}/revocations",
            **more,
        }

    @staticmethod
    def json(value):
        return 200, {"Content-Type": "application/json"}, json.dumps(value).encode()

    def wait_until(self, predicate, seconds=60):
        """Waits for a question after which the predicate holds."""
        with self._news:
            assert self._news.wait_for(predicate, seconds), (self.asked, self.queries[-5:])

    def claims(self, **more):
        now = time.time_ns() // 1_000_000
        claims = {
            "iss": self.url,
            "sub": str(uuid.uuid4()),
            "aud": self.url,
            "exp": now // 1_000 + 600,
            "iat": now // 1_000,
            "jti": "j1",
            "sid": str(uuid.uuid4()),
            "client_id": "first-party",
            "scope": "",
            "roles": ["admin"],
            "uep": 0,
            "rat": now,
            **more,
        }
        return {name: value for name, value in claims.items() if value is not ...}
