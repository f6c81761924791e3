"""openvino-genai as a side of the benchmark. Reads one setup as a line of JSON from standard input, does its task
("single" only) and writes one line of JSON: what worker.mjs does for the sides in JavaScript, with the same prompts."""
import json
import os
import sys
import time

# The answer is the only thing that may go there: the runtime prints too.
answer_to = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)

WARMUP_TOKENS = 16


def prompt_ids(length, number):
    return [(place * 7919 + number * 5003) % 20000 + 300 for place in range(length)]


def resident_memory():
    try:
        with open("/proc/self/status") as status:
            fields = dict(line.split(":", 1) for line in status)
        kilobytes = lambda name: int(fields[name].split()[0])
        return {"anonymous": kilobytes("RssAnon") * 1024, "file": kilobytes("RssFile") * 1024}
    except (OSError, KeyError, ValueError):
        return None


def work(setup):
    importing = time.perf_counter()
    import numpy
    import openvino
    import openvino_genai as genai

    class Arrivals(genai.StreamerBase):
        """Takes tokens, not text: they come when they are sampled."""

        def __init__(self):
            super().__init__()
            self.seen = []

        def write(self, tokens):
            self.seen.append((time.perf_counter(), 1 if isinstance(tokens, int) else len(tokens)))
            return genai.StreamingStatus.RUNNING

        def end(self):
            pass

    task = setup["task"]
    if task["kind"] != "single":
        raise ValueError(f"expected the task single, found {task['kind']}")
    begun = time.perf_counter()
    module = (begun - importing) * 1000
    pipeline = genai.LLMPipeline(
        setup["model"], "CPU", ATTENTION_BACKEND=setup["engine"], INFERENCE_NUM_THREADS=setup["threads"]
    )
    load = (time.perf_counter() - begun) * 1000
    requests = []
    for number, length in enumerate(task["prompts"]):
        config = genai.GenerationConfig()
        config.max_new_tokens = min(WARMUP_TOKENS, task["newTokens"]) if number == 0 else task["newTokens"]
        config.ignore_eos = True
        config.do_sample = False
        config.apply_chat_template = False
        ids = numpy.array([prompt_ids(length, number)], dtype=numpy.int64)
        arrivals = Arrivals()
        start = time.perf_counter()
        inputs = genai.TokenizedInputs(openvino.Tensor(ids), openvino.Tensor(numpy.ones_like(ids)))
        result = pipeline.generate(inputs, config, streamer=arrivals)
        total = sum(count for _, count in arrivals.seen)
        if total != config.max_new_tokens:
            raise ValueError(f"expected {config.max_new_tokens} tokens, got {total}")
        requests.append(times(start, arrivals.seen, result.perf_metrics))
    settings = {"OpenVINO": openvino.get_version(), "back-end": setup["engine"], "threads": str(setup["threads"])}
    # As in worker.mjs: a side is measured with all that it loaded, and user and system time of all its threads.
    return {
        "version": genai.get_version(),
        "settings": settings,
        "module": module,
        "load": load,
        "requests": requests,
        "memory": resident_memory(),
        "cpuTime": time.process_time() * 1000,
    }


def times(start, seen, metrics):
    """The streamer may be called late, its own clock is not: the earlier TTFT counts, and its intervals where they are complete."""
    ttft = (seen[0][0] - start) * 1000
    count = sum(tokens for _, tokens in seen) - 1
    own = [duration / 1000 for duration in metrics.raw_metrics.m_durations]
    if len(own) == count:
        return {"ttft": min(ttft, metrics.get_ttft().mean), "intervals": own}
    intervals, last = [], seen[0][0]
    for at, tokens in seen[1:]:
        intervals += [(at - last) * 1000 / tokens] * tokens
        last = at
    return {"ttft": ttft, "intervals": intervals}


try:
    reply = {"answer": work(json.loads(sys.stdin.readline()))}
except Exception as error:
    reply = {"error": f"{type(error).__name__}: {error}"}
print(json.dumps(reply), file=answer_to, flush=True)
# Not through the runtime's own clean-up, which is no part of what is measured and may hang.
os._exit(0)
