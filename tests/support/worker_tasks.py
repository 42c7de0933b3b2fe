"""What the worker process of the tests is asked to do."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path


def double(image, out):
    out[...] = 2.0 * image


def echo(image, out, value):
    return value


def chatter(image, out):
    print("iteration 1", flush=True)
    os.write(1, b"iteration 2\n")
    return "answer"


def fail(image, out):
    raise ValueError("two\nlines")


def end(image, out, code):
    print("CUDA error: out of memory", file=sys.stderr, flush=True)
    os._exit(code)


def abort(image, out):
    os.abort()


def process(image, out):
    return os.getpid()


def wait_for(image, out, path):
    while not Path(path).exists():
        time.sleep(0.005)
