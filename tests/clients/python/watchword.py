"""A Watchword of one's own: on a free port of loopback, with a folder that goes away."""

import contextlib
import os
import pathlib
import signal
import subprocess
import tempfile

import requests

PASSWORD = "four unrelated words for tests"
ROOT = pathlib.Path(__file__).resolve().parents[3]
BINARY = os.environ.get("SERVER_BINARY", str(ROOT / "target/debug/watchword"))


class Watchword:
    """A server that runs, with an account `kavya` (admin) and an account `arjun` (no role)."""

    def __init__(self, url):
        self.url = url

    def login(self, username="kavya", **more):
        """Logs in as a program does; the answer's JSON."""
        body = {"username": username, "password": PASSWORD, **more}
        answer = requests.post(f"{self.url}/login", json=body, timeout=60)
        assert answer.status_code == 200, answer.text
        return answer.json()


@contextlib.contextmanager
def running(**settings):
    """Runs a server; `tokens_algorithm="ES256"` becomes WATCHWORD_TOKENS_ALGORITHM=ES256."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("WATCHWORD_")}
    env |= {f"WATCHWORD_{name.upper()}": value for name, value in settings.items()}
    with tempfile.TemporaryDirectory(prefix="watchword-test-") as folder:
        command = [BINARY, "--listen", "127.0.0.1:0", "--database", f"sqlite:{folder}/watchword.db"]
        place = {"cwd": folder, "env": env, "text": True}
        for account in (["kavya", "--roles", "admin"], ["arjun"]):
            add = [*command, "user", "add", *account, "--password-stdin"]
            subprocess.run(add, input=PASSWORD, check=True, stdout=subprocess.DEVNULL, timeout=120, **place)
        with open(f"{folder}/log", "w+") as log:
            server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, **place)
            try:
                yield Watchword(_url(server, log))
            finally:
                server.send_signal(signal.SIGTERM)
                _end(server)


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
