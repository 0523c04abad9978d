"""The line beside what a plant would write itself: frames by ZeroMQ's REQ/REP, one forward pass in torch for each.

    python tests/benchmarks/naive_pipeline.py [LINE.yaml] [--cameras 2] [--seconds 8] [--turns 2] [--side 1024]

The naive one: each camera is a process that sends shape and pixels as messages and waits for the answer; one process
copies the pixels out, resizes them, runs the same model as it was trained, with all of torch's threads, and answers
with the verdict. It has no deadline, gate, ledger or page, and loses what it holds when it ends. Ours: the stations of
the same line, all of them processes, as `line-inspector bench` runs them. Same frames, same model, same cores, in
turns within one run. Saturated: verdicts per second when more parts come than can be inspected. At a rate: the naive
one's round trip from the shot to the answer, and ours from the shot to the verdict, at half of what the naive one can.
`--side` makes the model's golden frames, that the cameras show, so large.
"""

import argparse
import multiprocessing
import tempfile
import time
from dataclasses import replace
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier, Event
from pathlib import Path
from statistics import fmean, median
from typing import Any

import cv2
import numpy as np
import torch
import yaml
import zmq

from line_inspector.bench.bench_line import Subject, prepare_subject
from line_inspector.bench.line_table import UNDER_THE_CAMERAS_LIMIT
from line_inspector.bench.running_line import RunningLine, running_line
from line_inspector.images import Frame
from line_inspector.inference.model_directory import read_model_directory
from line_inspector.inference.preprocess import to_model_input
from line_inspector.line_file import read_line_file
from line_inspector.supervisor import stop_signals

PATIENCE_S = 60
RATE_HZ = 20  # of a camera at most: it reads a file of 3 MB for 12 ms, for which a trigger at 40/s does not wait

Answered = tuple[float, float]  # asked and answered, in seconds of the machine's monotonic clock


def answer(model_dir: Path, address: str, ready: Event, stop: Event) -> None:
    """The naive process that has the model."""
    model, manifest = read_model_directory(model_dir)
    socket = zmq.Context.instance().socket(zmq.REP)
    socket.bind(address)
    ready.set()
    while not stop.is_set():
        if not socket.poll(100):
            continue
        shape, pixels = socket.recv_json(), socket.recv()
        frame = np.frombuffer(pixels, np.uint8).reshape(shape).copy()
        image = to_model_input(frame, manifest.preprocessing.size_px)
        with torch.inference_mode():
            score = model.anomaly_map(model.normalise(torch.from_numpy(image)[None])).max().item()
        socket.send_json({"score": score, "good": score < manifest.threshold})


def ask(
    frames: list[Frame], address: str, pause_s: float, begin: Barrier, stop: Event, told: "Queue[list[Answered]]"
) -> None:
    """A naive camera: one frame after the other, or one every `pause_s` where that is more."""
    socket = zmq.Context.instance().socket(zmq.REQ)
    socket.rcvtimeo = 1000 * PATIENCE_S
    socket.connect(address)
    answers: list[Answered] = []
    begin.wait(PATIENCE_S)
    due_s = time.monotonic()
    while not stop.is_set():
        frame = frames[len(answers) % len(frames)]
        started_s = time.monotonic()
        socket.send_json(frame.shape, zmq.SNDMORE)
        socket.send(frame)
        socket.recv_json()
        answers.append((started_s, time.monotonic()))
        due_s = max(due_s + pause_s, time.monotonic())
        time.sleep(due_s - time.monotonic() if pause_s else 0)
    told.put(answers)


def naive(subject: Subject, cameras: int, seconds: float, rate_hz: float | None) -> tuple[float, list[float]]:
    """Verdicts per second, and each round trip in ms; without a rate as fast as it can."""
    spawn = multiprocessing.get_context("spawn")
    ready, stop, ended, told = spawn.Event(), spawn.Event(), spawn.Event(), spawn.Queue()
    begin = spawn.Barrier(cameras + 1)  # all have started
    address = f"ipc://{subject.line_file.parent}/naive"
    server = spawn.Process(target=answer, args=(subject.model_dir, address, ready, ended), daemon=True)
    server.start()
    assert ready.wait(PATIENCE_S), "the naive pipeline does not start"
    pause_s = cameras / rate_hz if rate_hz else 0.0
    given = (subject.frames, address, pause_s, begin, stop, told)
    asking = [spawn.Process(target=ask, args=given, daemon=True) for _ in range(cameras)]
    for camera in asking:
        camera.start()
    begin.wait(PATIENCE_S)
    time.sleep(seconds)
    stop.set()
    answers = [told.get(timeout=PATIENCE_S) for _ in asking]
    ended.set()  # nobody waits for an answer any more
    for process in (*asking, server):
        process.join()
    all_s = [max(each[1][1] for each in answers), min(each[-1][1] for each in answers)]  # while every camera asks
    between = [answer for each in answers for answer in each if all_s[0] < answer[1] <= all_s[1]]
    return len(between) / (all_s[1] - all_s[0]), [1000 * (end_s - start_s) for start_s, end_s in between]


def ours(running: RunningLine, cameras: int, seconds: float, rate_hz: float) -> tuple[float, list[float]]:
    """Verdicts per second, and from each shot to its verdict in ms."""
    trial = running.trial(cameras, rate_hz, seconds)
    rows = [row for row in trial.rows.values() if row.verdict_ns and row.captured_ns]
    return trial.answered_hz, [(row.verdict_ns - row.captured_ns) / 1e6 for row in rows]


def enlarged(subject: Subject, side_px: int) -> Subject:
    """The same with larger frames, also where our cameras read them."""
    frames = [np.asarray(cv2.resize(frame, (side_px, side_px)), np.uint8) for frame in subject.frames]
    for number, frame in enumerate(frames):
        cv2.imwrite(str(subject.line_file.parent / "pictures" / f"{number:03d}.bmp"), frame)
    document = yaml.safe_load(subject.line_file.read_text())
    for camera in document["cameras"].values():
        camera |= {"max_height_px": side_px, "max_width_px": side_px, "max_rate_hz": RATE_HZ}
    subject.line_file.write_text(yaml.safe_dump(document, sort_keys=False))
    return replace(subject, frames=frames, line=read_line_file(subject.line_file))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("line_file", type=Path, nargs="?")
    parser.add_argument("--cameras", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=8.0, help="of each measurement")
    parser.add_argument("--turns", type=int, default=2)
    parser.add_argument("--side", type=int, default=1024, help="of the frames, in pixels")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="line-inspector-naive-") as name, stop_signals() as stop:
        given = read_line_file(arguments.line_file) if arguments.line_file else None
        subject = enlarged(prepare_subject(given, Path(name), arguments.cameras), arguments.side)
        found: dict[str, list[Any]] = {"naive, saturated": [], "naive": [], "ours, saturated": [], "ours": []}
        for _ in range(arguments.turns):
            saturated_hz, _ = naive(subject, arguments.cameras, arguments.seconds, None)
            rate_hz = saturated_hz / 2
            found["naive, saturated"].append(saturated_hz)
            found["naive"].append(naive(subject, arguments.cameras, arguments.seconds, rate_hz)[1])
            with running_line(subject, Path(name) / "line.log", stop) as running:
                running.trial(1, 2.0, 1.0)  # first frames are slow
                overload_hz = UNDER_THE_CAMERAS_LIMIT * sum(c.max_rate_hz for c in subject.line.cameras.values())
                found["ours, saturated"].append(ours(running, arguments.cameras, arguments.seconds, overload_hz)[0])
                found["ours"].append(ours(running, arguments.cameras, arguments.seconds, rate_hz)[1])
    show(found)


def show(found: dict[str, list[Any]]) -> None:
    """Both, and the ratios."""
    rates = {who: fmean(found[f"{who}, saturated"]) for who in ("naive", "ours")}
    delays = {who: np.concatenate(found[who]) for who in ("naive", "ours")}
    print("| | verdicts/s, saturated | shot to verdict, median ms | p99 |\n|" + " --- |" * 4)
    for who in rates:
        print(f"| {who} | {rates[who]:.1f} | {median(delays[who]):.1f} | {np.percentile(delays[who], 99):.1f} |")
    print(f"ours over naive: {rates['ours'] / rates['naive']:.2f} x the verdicts per second,", end=" ")
    print(f"{median(delays['ours']) / median(delays['naive']):.2f} x the time at the same rate")


if __name__ == "__main__":
    main()
