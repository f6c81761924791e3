"""The process of llama.cpp's own server, as xllamacpp carries it. Opens the model of the setup that it is given, prints one line of JSON that says
where it listens, and ends with its standard input."""
import json
import os
import sys

# The answer is the only thing that may go there: the runtime prints too.
answer_to = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)


def serve(setup):
    import xllamacpp
    from importlib.metadata import version

    params = xllamacpp.CommonParams()
    params.model.path = setup["model"]
    params.n_parallel = setup["sequences"]
    params.n_ctx = setup["context"] * setup["sequences"]
    params.cpuparams.n_threads = setup["threads"]
    params.cpuparams_batch.n_threads = setup["threads"]
    params.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_ENABLED
    # No prompt comes twice, so nothing is worth being kept.
    params.cache_ram_mib = 0
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    # Each connection takes one of them.
    params.n_threads_http = setup["sequences"] + 2
    params.verbosity = 0
    server = xllamacpp.Server(params)
    # Whoever drops the server ends it.
    globals()["kept"] = server
    return {
        "url": server.listening_address,
        "version": version("xllamacpp"),
        "settings": {
            "compiled for": " ".join(part.split(" = ")[0].split(": ")[-1].strip() for part in xllamacpp.get_system_info().split("|") if "= 1" in part),
            "slots": str(params.n_parallel),
            "threads": str(params.cpuparams.n_threads),
            "flash attention": "true",
            "weights": "as in the file",
        },
    }


try:
    reply = serve(json.loads(sys.argv[1]))
except Exception as error:
    reply = {"error": f"{type(error).__name__}: {error}"}
print(json.dumps(reply), file=answer_to, flush=True)
if "error" not in reply:
    sys.stdin.read()
# Not through the runtime's own clean-up, which is no part of what is measured and may hang.
os._exit(0)
