"""What a hostile program can do inside: nothing that outlives it, reaches out or looks around."""

import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

import assay
from assay.domain.errors import InvalidArgument
from assay.runner.process import Outcome
from assay.runner.sandbox import Backend, Sandbox, backend_problems, open_sandbox
from tests.runner.programs import RunCode, processes_with

CAP_SYS_ADMIN = 1 << 21
SOURCE_ROOT = Path(assay.__file__).parents[1]


@pytest.fixture
def public_dir() -> Iterator[Path]:
    """A folder right below the machine's temporary folder that every user may read."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def test_whoever_may_make_namespaces_has_every_backend() -> None:
    """Where the kernel allows it all that is installed works, or much below would be skipped."""
    if sys.platform != "linux":
        pytest.skip("sandboxes are made of Linux namespaces")
    status = Path("/proc/self/status").read_text()
    rights = int(re.search(r"^CapEff:\s*(\w+)$", status, re.MULTILINE)[1], 16)
    if not rights & CAP_SYS_ADMIN:
        pytest.skip("this process may not make namespaces; an unprivileged one might not either")
    problems = dict(backend_problems())
    if shutil.which("bwrap") is None:
        del problems[Backend.BUBBLEWRAP]
    assert set(problems.values()) == {None}, problems
    assert open_sandbox().backend in problems


def test_a_program_runs_to_its_end(sandbox: Sandbox, run_code: RunCode) -> None:
    """Output, error output and exit code come back as the program gave them."""
    result = run_code(
        sandbox, "import sys; print('out'); print('err', file=sys.stderr); sys.exit(0)"
    )
    assert (result.outcome, result.exit_code, result.detail) == (Outcome.OK, 0, "")
    assert (result.stdout, result.stderr_tail) == (b"out\n", "err\n")
    assert 0 < result.duration_s < 20


def test_another_exit_code_than_0_is_a_failure(sandbox: Sandbox, run_code: RunCode) -> None:
    """A program that says that it failed is believed, with its code."""
    result = run_code(sandbox, "raise SystemExit(3)")
    assert (result.outcome, result.exit_code) == (Outcome.FAILED, 3)


def test_a_crash_names_its_signal(sandbox: Sandbox, run_code: RunCode) -> None:
    """A segmentation fault is a failure that tells its number."""
    result = run_code(sandbox, "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    assert (result.outcome, result.exit_code) == (Outcome.FAILED, -signal.SIGSEGV)
    assert "signal 11" in result.detail


def test_numpy_is_there(sandbox: Sandbox, run_code: RunCode) -> None:
    """The packages of the runner's own environment can be imported."""
    result = run_code(sandbox, "import numpy; print(int(numpy.arange(10).sum()))")
    assert (result.outcome, result.stdout) == (Outcome.OK, b"45\n")


def test_there_is_no_network(sandbox: Sandbox, bare: Sandbox, run_code: RunCode) -> None:
    """A server on this very machine cannot be reached, and without walls it could."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        source = f"""
            import socket
            socket.create_connection(("127.0.0.1", {server.getsockname()[1]}), timeout=5).close()
            """
        refused = run_code(sandbox, source)
        assert refused.outcome is Outcome.FAILED
        assert "create_connection" in refused.stderr_tail
        knocks = select.poll()
        knocks.register(server, select.POLLIN)
        assert not knocks.poll(0)
        assert run_code(bare, source).outcome is Outcome.OK
        assert knocks.poll(0)


def test_exotic_sockets_are_refused(sandbox: Sandbox, run_code: RunCode) -> None:
    """Families that a network namespace may not hold back (host sockets of a VM) cannot be made."""
    result = run_code(sandbox, "import socket; socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)")
    assert result.outcome is Outcome.FAILED
    assert "Address family not supported" in result.stderr_tail


def test_files_outside_do_not_exist(
    sandbox: Sandbox, bare: Sandbox, run_code: RunCode, public_dir: Path
) -> None:
    """Secrets in the home folder, in /tmp and in a checkout cannot be read, though all may."""
    home = public_dir / "home"
    home.mkdir(mode=0o755)
    secrets = [public_dir / "secret", home / ".credentials", Path(__file__)]
    for secret in secrets[:2]:
        secret.write_text("secret")
        secret.chmod(0o644)
    source = """
        import sys
        from pathlib import Path
        print([place for place in sys.argv[1:] if Path(place).exists()])
        """
    names = tuple(map(str, secrets))
    assert run_code(sandbox, source, arguments=names).stdout == b"[]\n"
    assert run_code(bare, source, arguments=names).stdout.decode() == f"{list(names)}\n"


def test_the_root_folder_holds_next_to_nothing(sandbox: Sandbox, run_code: RunCode) -> None:
    """No users, no services, no other folders: what a Python does not need is not there."""
    result = run_code(
        sandbox,
        """
        import json, os
        listings = [os.listdir(folder) for folder in ("/", "/etc", "/assay", "/tmp")]
        mounts = [line.split()[4] for line in open("/proc/self/mountinfo")]
        print(json.dumps([*listings, os.listdir("/.."), mounts]))
        """,
    )
    root, etc, own, scratch, above, mounts = json.loads(result.stdout)
    assert sorted(above) == sorted(root)
    assert mounts.count("/") == 1
    root, etc, own, scratch = map(set, (root, etc, own, scratch))
    assert {"usr", "proc", "dev", "tmp", "etc", "assay"} <= root
    assert root.isdisjoint({"var", "sys", "srv", "mnt", "run", "boot"})
    assert etc.isdisjoint({"passwd", "shadow", "hostname", "ssl"})
    assert own - {"launcher.py"} == {"code", "out"}
    # Where this Python itself lives below /tmp, the way to it is all that shows.
    way = Path(sys.prefix).parts
    shown = {way[2]} if way[:2] == ("/", "tmp") else set()
    assert not any(name.startswith("assay") for name in scratch - shown)


def test_the_environment_is_empty_of_ours(
    sandbox: Sandbox, run_code: RunCode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token in the runner's environment is neither inherited nor found in another process."""
    monkeypatch.setenv("ASSAY_TOKEN", "asy_hidden")
    result = run_code(
        sandbox,
        """
        import os
        from pathlib import Path
        seen = [str(os.environ)]
        for place in Path("/proc").glob("[0-9]*/environ"):
            try:
                seen.append(place.read_text())
            except OSError as error:
                seen.append(str(error))
        print("asy_hidden" in "".join(seen), os.environ["GIVEN"])
        """,
        env={"GIVEN": "yes"},
    )
    assert result.stdout == b"False yes\n"


def test_no_process_of_the_machine_is_visible(sandbox: Sandbox, run_code: RunCode) -> None:
    """Inside there are the launcher and the program; signals reach nobody else."""
    result = run_code(
        sandbox,
        """
        import os
        print(sorted(int(name) for name in os.listdir("/proc") if name.isdigit()), os.getpid())
        """,
    )
    assert result.stdout == b"[1, 2] 2\n"


def test_only_the_out_folder_is_writable(
    sandbox: Sandbox, run_code: RunCode, out_dir: Path, tmp_path: Path
) -> None:
    """Its own code, the candidate, the programs and the root refuse every write."""
    candidate = tmp_path / "candidate"
    candidate.mkdir()
    (candidate / "weights").write_text("frozen")
    # Whoever it runs as, the modes would let it.
    candidate.chmod(0o777)
    (candidate / "weights").chmod(0o666)
    (tmp_path / "code").chmod(0o777)
    result = run_code(
        sandbox,
        """
        import os
        from pathlib import Path
        places = ["/assay/code/x", "/assay/candidate/weights", "/usr/x", "/x", "/assay/x",
                  "/etc/x", "/proc/sys/kernel/hostname", "/assay/out/x"]
        written = []
        for place in places:
            try:
                Path(place).write_text("changed")
                written.append(place)
            except OSError:
                continue
        try:
            os.unlink("/assay/candidate/weights")
            written.append("unlinked")
        except OSError:
            pass
        print(written)
        """,
        read_only={"candidate": candidate},
    )
    assert result.stdout == b"['/assay/out/x']\n"
    assert (candidate / "weights").read_text() == "frozen"
    assert (out_dir / "x").read_text() == "changed"


def test_rights_cannot_be_won_back(sandbox: Sandbox, run_code: RunCode) -> None:
    """No capability, no new namespace, no mount, no tracing of the launcher, no way to be root."""
    result = run_code(
        sandbox,
        """
        import ctypes, os
        libc = ctypes.CDLL(None, use_errno=True)
        print([
            os.getuid() == 0,
            libc.unshare(0x10000000) == 0,
            libc.mount(b"none", b"/tmp", b"tmpfs", 0, None) == 0,
            libc.ptrace(16, 1, None, None) == 0,
            libc.setuid(0) == 0,
            libc.chroot(b"/tmp") == 0,
        ])
        status = open("/proc/self/status").read()
        print({line.split()[1] for line in status.splitlines() if line.startswith("Cap")})
        print("NoNewPrivs:\\t1" in status)
        """,
    )
    assert result.stdout.decode().splitlines() == [
        "[False, False, False, False, False, False]",
        "{'0000000000000000'}",
        "True",
    ]


DAEMON = """
    import os, signal, sys
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.execv(sys.executable, [sys.executable, "-c", "import signal; signal.pause()",
                                      sys.argv[1]])
        os._exit(0)
    os.wait()
    """


def test_nothing_outlives_the_run(sandbox: Sandbox, run_code: RunCode) -> None:
    """A process that left its session and its parent behind is gone when the run returns."""
    marker = uuid.uuid4().hex
    assert run_code(sandbox, DAEMON, arguments=(marker,)).outcome is Outcome.OK
    assert list(processes_with(marker)) == []


def test_nothing_outlives_a_run_without_walls(bare: Sandbox, run_code: RunCode) -> None:
    """The same holds where the operator chose to go without a sandbox."""
    marker = uuid.uuid4().hex
    assert run_code(bare, DAEMON, arguments=(marker,)).outcome is Outcome.OK
    assert list(processes_with(marker)) == []


def test_the_runner_can_stop_it(sandbox: Sandbox, run_code: RunCode) -> None:
    """A lost lease ends the program long before its time is up."""
    result = run_code(sandbox, "import signal; signal.pause()", should_stop=lambda: True)
    assert (result.outcome, result.detail) == (Outcome.KILLED, "the runner stopped it")


def test_a_killed_runner_takes_its_program_along(
    sandbox: Sandbox, tmp_path: Path, out_dir: Path
) -> None:
    """SIGKILL gives the runner no chance to clean up, and still nothing is left running."""
    marker = uuid.uuid4().hex
    runner = f"""
        from pathlib import Path
        from assay.runner.sandbox import Backend, Inside, Limits, Sandbox
        from assay.runner.view import find_interpreter
        out = Path({str(out_dir)!r})
        said = []
        def watch():
            if (out / "ready").exists() and not said:
                said.append(print("ready", flush=True))
            return False
        code = "import signal; open('ready', 'w').close(); signal.pause()"
        Sandbox(Backend({str(sandbox.backend)!r}), find_interpreter()).run(
            ["-c", code, {marker!r}], limits=Limits(), read_only={{}}, writable_dir=out,
            cwd=Inside("out"), should_stop=watch)
        """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(runner)],
        stdout=subprocess.PIPE,
        cwd=tmp_path,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        left = [os.pidfd_open(pid) for pid in processes_with(marker)]
        assert left
        process.kill()
    for watched in left:
        ended = select.poll()
        ended.register(watched, select.POLLIN)
        assert ended.poll(30_000)
        os.close(watched)


def test_a_machine_without_a_sandbox_is_refused(sandbox: Sandbox, run_code: RunCode) -> None:
    """Where no walls can be built (as inside these) opening refuses and names both ways out."""
    result = run_code(
        sandbox,
        """
        from assay.runner.sandbox import Backend, SandboxUnavailable, open_sandbox
        try:
            open_sandbox()
        except SandboxUnavailable as refusal:
            print("apt install bubblewrap" in refusal.message, "--unsandboxed" in refusal.message)
        print(open_sandbox(unsandboxed=True).backend is Backend.NONE)
        """,
        read_only={"source": SOURCE_ROOT},
        env={"PYTHONPATH": "/assay/source"},
    )
    assert result.stdout == b"True True\nTrue\n", result.stderr_tail


def test_files_that_scorers_could_not_read_are_named(
    sandbox: Sandbox, run_code: RunCode, tmp_path: Path
) -> None:
    """A runner that is root says which candidate file its unprivileged scorers may not read."""
    if os.geteuid() != 0:
        pytest.skip("only scorers of root run as another user")
    candidate = tmp_path / "candidate"
    candidate.mkdir()
    (candidate / "weights").touch(mode=0o600)
    with pytest.raises(InvalidArgument, match="weights is not readable by everyone"):
        run_code(sandbox, "", read_only={"candidate": candidate})


def test_a_missing_folder_is_refused(sandbox: Sandbox, run_code: RunCode, tmp_path: Path) -> None:
    """A candidate that is not there is the caller's mistake, not a broken sandbox."""
    with pytest.raises(InvalidArgument, match="is not a folder"):
        run_code(sandbox, "", read_only={"candidate": tmp_path / "absent"})


def test_a_python_that_does_not_start_is_refused(tmp_path: Path) -> None:
    """`--python` must name a Python."""
    with pytest.raises(InvalidArgument, match="is not a Python that starts"):
        open_sandbox(python=tmp_path / "python", unsandboxed=True)
