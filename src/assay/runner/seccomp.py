"""The system calls that a scorer is refused, as a seccomp filter program.

Namespaces take away what a scorer could reach; this takes away the calls with which it could build
itself a way out (new namespaces, mounts, tracing, kernel interfaces) or hold memory that nobody
counts (`memfd`, System V segments). Everything else is allowed.
"""

from __future__ import annotations

import errno
import struct
from dataclasses import dataclass

_LOAD_WORD = 0x20
_JUMP_EQUAL = 0x15
_JUMP_AT_LEAST = 0x35
_JUMP_ANY_BIT = 0x45
_RETURN = 0x06

_ALLOW = 0x7FFF0000
_KILL_PROCESS = 0x80000000
_ERRNO = 0x00050000

_OFFSET_NUMBER = 0
_OFFSET_MACHINE = 4
_OFFSET_FIRST_ARGUMENT = 16

_X32_BIT = 0x40000000
# CLONE_NEW{NS,CGROUP,UTS,IPC,USER,PID,NET}
_NAMESPACE_FLAGS = 0x7E020000
# AF_UNIX, AF_INET, AF_INET6, AF_NETLINK: ordinary programs open them, and no peer is reachable.
_SOCKET_FAMILIES = (1, 2, 10, 16)


@dataclass(frozen=True, slots=True)
class _Machine:
    """The numbers of one processor family; little-endian ones only."""

    audit_arch: int
    has_x32: bool
    clone: int
    clone3: int
    socket: int
    refused: tuple[int, ...]


# Since Linux 5.1 new calls have one number on every machine.
_REFUSED_EVERYWHERE = (
    *(425, 426, 427),  # io_uring_setup, io_uring_enter, io_uring_register
    *(428, 429, 430, 431, 432, 433, 442),  # open_tree, move_mount, fs*, fspick, mount_setattr
    447,  # memfd_secret
)

_X86_64 = _Machine(
    audit_arch=0xC000003E,
    has_x32=True,
    clone=56,
    clone3=435,
    socket=41,
    refused=(
        *(29, 319),  # shmget, memfd_create
        *(101, 310, 311),  # ptrace, process_vm_readv, process_vm_writev
        *(155, 161, 165, 166),  # pivot_root, chroot, mount, umount2
        *(167, 169, 246, 320),  # swapon, reboot, kexec_load, kexec_file_load
        *(175, 176, 313),  # init_module, delete_module, finit_module
        *(248, 249, 250),  # add_key, request_key, keyctl
        *(272, 308, 304),  # unshare, setns, open_by_handle_at
        *(298, 321, 323),  # perf_event_open, bpf, userfaultfd
        *_REFUSED_EVERYWHERE,
    ),
)

_AARCH64 = _Machine(
    audit_arch=0xC00000B7,
    has_x32=False,
    clone=220,
    clone3=435,
    socket=198,
    refused=(
        *(194, 279),  # shmget, memfd_create
        *(117, 270, 271),  # ptrace, process_vm_readv, process_vm_writev
        *(41, 51, 40, 39),  # pivot_root, chroot, mount, umount2
        *(224, 142, 104, 294),  # swapon, reboot, kexec_load, kexec_file_load
        *(105, 106, 273),  # init_module, delete_module, finit_module
        *(217, 218, 219),  # add_key, request_key, keyctl
        *(97, 268, 265),  # unshare, setns, open_by_handle_at
        *(241, 280, 282),  # perf_event_open, bpf, userfaultfd
        *_REFUSED_EVERYWHERE,
    ),
)

_MACHINES = {"x86_64": _X86_64, "aarch64": _AARCH64}


def filter_program(machine: str) -> bytes | None:
    """Return the filter for `machine` (as `platform.machine()` names it), or None if it has none.

    The bytes are an array of `struct sock_filter`, ready for `PR_SET_SECCOMP`.
    """
    numbers = _MACHINES.get(machine)
    return None if numbers is None else b"".join(_instructions(numbers))


def _instructions(machine: _Machine) -> list[bytes]:
    program = [
        _op(_LOAD_WORD, _OFFSET_MACHINE),
        _op(_JUMP_EQUAL, machine.audit_arch, if_true=1),
        _op(_RETURN, _KILL_PROCESS),
        _op(_LOAD_WORD, _OFFSET_NUMBER),
    ]
    if machine.has_x32:
        program += [_op(_JUMP_AT_LEAST, _X32_BIT, if_false=1), _refuse(errno.ENOSYS)]
    # The C library falls back to clone, whose flags a filter can read.
    program += [_op(_JUMP_EQUAL, machine.clone3, if_false=1), _refuse(errno.ENOSYS)]
    for number in machine.refused:
        program += [_op(_JUMP_EQUAL, number, if_false=1), _refuse(errno.EPERM)]
    program += [
        _op(_JUMP_EQUAL, machine.clone, if_false=4),
        _op(_LOAD_WORD, _OFFSET_FIRST_ARGUMENT),
        _op(_JUMP_ANY_BIT, _NAMESPACE_FLAGS, if_false=1),
        _refuse(errno.EPERM),
        _op(_RETURN, _ALLOW),
        _op(_JUMP_EQUAL, machine.socket, if_false=len(_SOCKET_FAMILIES) + 2),
        _op(_LOAD_WORD, _OFFSET_FIRST_ARGUMENT),
    ]
    for remaining, family in zip(
        range(len(_SOCKET_FAMILIES), 0, -1), _SOCKET_FAMILIES, strict=True
    ):
        program.append(_op(_JUMP_EQUAL, family, if_true=remaining))
    program += [_refuse(errno.EAFNOSUPPORT), _op(_RETURN, _ALLOW)]
    return program


def _op(code: int, value: int, *, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)


def _refuse(error: int) -> bytes:
    return _op(_RETURN, _ERRNO | error)
