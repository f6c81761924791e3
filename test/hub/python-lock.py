# Takes a lock as Python's huggingface_hub does, else as its package filelock does: python-lock.py PATH [try]
# Says "held" once it has the lock, and keeps it until its input ends; with "try" it says "busy" when another process has it.
import fcntl
import os
import sys

path, once = sys.argv[1], len(sys.argv) > 2


def wait():
    print("held", flush=True)
    sys.stdin.read()


try:
    from filelock import FileLock, Timeout

    try:
        with FileLock(path, timeout=0 if once else -1):
            wait()
    except Timeout:
        print("busy")
except ImportError:
    file = os.open(path, os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (fcntl.LOCK_NB if once else 0))
        wait()
    except BlockingIOError:
        print("busy")
