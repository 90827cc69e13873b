"""The package is typed: whoever uses it has its types checked."""

import pathlib
import subprocess
import sys

PACKAGE = pathlib.Path(__file__).parents[1]


def test_the_package_passes_mypy_strictly():
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--cache-dir=/dev/null"]
    checked = subprocess.run(command, cwd=PACKAGE, capture_output=True, text=True, timeout=900)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


def test_the_package_needs_nothing_but_the_cryptographic_library():
    program = (
        "import sys\n"
        "own = {'cryptography', '_cffi_backend', '_openssl'}\n"
        "before = set(sys.modules)\n"
        "import watchword_verifier\n"
        "new = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print(*sorted(new - set(sys.stdlib_module_names) - {'watchword_verifier', *own}))\n"
    )
    environment = {"PYTHONPATH": str(PACKAGE / "src")}
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, timeout=300)
    assert (ran.stdout.split(), ran.stderr) == ([], "")
    assert (PACKAGE / "src/watchword_verifier/py.typed").is_file()
