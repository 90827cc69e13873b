"""A Watchword of one's own: on a free port of loopback, with a folder that goes away. And what may stand in front of it."""

import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import threading
import urllib.error
import urllib.request

PASSWORD = "four unrelated words for tests"
ROOT = pathlib.Path(__file__).resolve().parents[3]
BINARY = os.environ.get("SERVER_BINARY", str(ROOT / "target/debug/watchword"))


class Watchword:
    """A server that runs, with an account `kavya` (admin) and the credential of a verifier."""

    def __init__(self, url, listens_at, credential, command):
        self.url = url
        self.listens_at = listens_at
        self.credential = credential
        self.command = command

    def login(self):
        """Logs in as a program does; the answer's JSON."""
        return self.post("/login", {"username": "kavya", "password": PASSWORD})

    def logout(self, token):
        """Ends the session of a token."""
        assert self.post("/logout", None, token)["ended"]

    def refresh(self, refresh_token):
        """Fresh tokens of the same session."""
        return self.post("/refresh", None, refresh_token)

    def post(self, path, body, token=None):
        """Asks the server itself, whatever stands in front of it."""
        headers = {"Content-Type": "application/json"} if body is not None else {}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        data = json.dumps(body).encode() if body is not None else b""
        request = urllib.request.Request(self.listens_at + path, data, headers, method="POST")
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)


@contextlib.contextmanager
def running(public_url=None, **settings):
    """Runs a server; `tokens_algorithm="ES256"` becomes WATCHWORD_TOKENS_ALGORITHM=ES256."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("WATCHWORD_")}
    env |= {f"WATCHWORD_{name.upper()}": value for name, value in settings.items()}
    if public_url is not None:
        env["WATCHWORD_PUBLIC_URL"] = public_url
    with tempfile.TemporaryDirectory(prefix="watchword-test-") as folder:
        command = [BINARY, "--listen", "127.0.0.1:0", "--database", f"sqlite:{folder}/watchword.db"]
        place = {"cwd": folder, "env": env, "text": True}
        add = [*command, "user", "add", "kavya", "--roles", "admin", "--password-stdin"]
        subprocess.run(add, input=PASSWORD, check=True, stdout=subprocess.DEVNULL, timeout=120, **place)
        add = [*command, "verifier", "add", "orders", "--json"]
        added = subprocess.run(add, check=True, stdout=subprocess.PIPE, timeout=120, **place)
        with open(f"{folder}/log", "w+") as log:
            server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, **place)
            try:
                own = _url(server, log)

                def run(*args):
                    subprocess.run([*command, *args], check=True, stdout=subprocess.DEVNULL, timeout=120, **place)

                yield Watchword(public_url or own, own, json.loads(added.stdout)["credential"], run)
            finally:
                server.send_signal(signal.SIGTERM)
                _end(server)


@contextlib.contextmanager
def relaying(issuer, credential):
    """Runs a relay of a server; the URL of its revocations, and the secret by which it may be followed."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("WATCHWORD_")}
    with tempfile.TemporaryDirectory(prefix="watchword-relay-") as folder:
        pathlib.Path(folder, "upstream").write_text(credential)
        command = [BINARY, "relay", "--listen", "127.0.0.1:0", "--issuer", issuer]
        command += ["--credential-file", "upstream", "--listener", "orders=secret"]
        with open(f"{folder}/log", "w+") as log:
            relay = subprocess.Popen(command, cwd=folder, env=env, text=True, stdout=subprocess.PIPE, stderr=log)
            try:
                url = _url(relay, log)
                yield f"{url}/revocations", pathlib.Path(folder, "secret").read_text().strip()
            finally:
                relay.send_signal(signal.SIGTERM)
                _end(relay)


def _url(server, log):
    for line in server.stdout:
        if line.startswith("Listening on "):
            return line.split()[-1]
    log.seek(0)
    raise AssertionError(f"the server did not start: {log.read()}")


def _end(server):
    try:
        server.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        server.kill()
        server.communicate()
        raise AssertionError("the server did not end within a minute of SIGTERM") from None


class Cutting:
    """A proxy that can go silent: connections stay open, but nothing passes any more. It leads nowhere until it is told where."""

    def __init__(self):
        self._port = None
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._passes = threading.Event()
        self._passes.set()
        self._sockets = []
        threading.Thread(target=self._accept, daemon=True).start()

    def lead_to(self, url):
        """New connections lead to this server."""
        self._port = int(url.rpartition(":")[2])

    def cut(self):
        """From now on nothing passes, on old connections or new ones."""
        self._passes.clear()

    def mend(self):
        """New connections pass; old ones are closed."""
        self._drop()
        self._passes.set()

    def close(self):
        self._listener.close()
        self._drop()
        self._passes.set()

    def _drop(self):
        sockets, self._sockets = self._sockets, []
        for one in sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self._port))
                self._sockets += [near, far]
                for source, target in ((near, far), (far, near)):
                    threading.Thread(target=self._pass_on, args=(source, target), daemon=True).start()

    def _pass_on(self, source, target):
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                self._passes.wait()
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
