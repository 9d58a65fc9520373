"""A peer of `mlx transcribe`: faster-whisper in float32, which hears the files once after a warm-up and says how long it took."""

import json
import sys
import time

from faster_whisper import WhisperModel

folder, beam, threads, files = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:]
model = WhisperModel(folder, device="cpu", compute_type="float32", cpu_threads=threads)


def hear(file):
    segments, info = model.transcribe(file, beam_size=beam, language="en")
    return info.duration, "".join(segment.text for segment in segments)


hear(files[0])
start = time.perf_counter()
seconds = sum(hear(file)[0] for file in files)
print(json.dumps({"times_real_time": seconds / (time.perf_counter() - start)}))
