"""A server that loads the program first and forks its workers then, as gunicorn does with `preload_app`."""

import subprocess
import sys

from watchword import Cutting, running

PROGRAM = """
import os, sys, threading
from watchword_verifier import Unavailable, Verifier, verifier as module

url, credential, token = sys.argv[1:]
module._READY = 0.3
verifier = Verifier.from_issuer(url, follow=credential, name="workers")
verifier.verify(token)
print("ready", flush=True)
assert sys.stdin.readline() == "fork\\n"
pipes = []
for _ in range(2):
    told, tell = os.pipe()
    if os.fork() == 0:
        assert verifier.age() is None, "what the parent knew is none of the child's"
        try:
            verifier.verify(token)
        except Unavailable:
            os.write(tell, b"not ready\\n")
        assert verifier._following.wait_ready(60)
        assert verifier.verify(token).preferred_username == "kavya"
        claims = verifier.verify(token)
        os.write(tell, f"ready {verifier._following._name}\\n".encode())
        assert verifier.wait_withdrawn(claims, 60)
        os.write(tell, b"withdrawn\\n")
        os._exit(0)
    os.close(tell)
    pipes.append(os.fdopen(told))
print("forked", flush=True)
for line in ("not ready", "ready", "withdrawn"):
    names = [pipe.readline().split(" ", 2) for pipe in pipes]
    assert all(" ".join(words).startswith(line) for words in names), names
    if line == "ready":
        assert len({words[1] for words in names} | {verifier._following._name}) == 3, "each acknowledges for itself"
    print(line, flush=True)
assert [os.wait()[1] for _ in range(2)] == [0, 0]
verifier.stop()
print("end", flush=True)
"""


def test_each_forked_process_follows_by_itself_and_accepts_nothing_until_it_has_asked():
    proxy = Cutting()
    with running(public_url=proxy.url) as server:
        proxy.lead_to(server.listens_at)
        token = server.login()["access_token"]
        command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", PROGRAM, server.url, server.credential, token]
        pipe = subprocess.PIPE
        environment = {"PYTHONPATH": ":".join(sys.path)}
        with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=environment) as program:
            assert program.stdout.readline() == "ready\n", program.communicate(timeout=10)
            proxy.cut()
            program.stdin.write("fork\n")
            program.stdin.flush()
            assert program.stdout.readline() == "forked\n", program.communicate(timeout=10)
            assert program.stdout.readline() == "not ready\n", program.communicate(timeout=10)
            proxy.mend()
            assert program.stdout.readline() == "ready\n", program.communicate(timeout=30)
            server.logout(token)
            assert program.stdout.read() == "withdrawn\nend\n", program.communicate(timeout=30)
    proxy.close()
