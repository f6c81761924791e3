"""Makes tiny random models, computes their next tokens with transformers in f32, and exports them with optimum-intel.

make.py OUTPUT TOKENIZER NAME…   writes OUTPUT/NAME/, and OUTPUT/NAME/golden.json when it is done; what failed says so there
make.py --guards OUTPUT TOKENIZER NAME…   the same, of the fixtures of the tests
make.py --models                 prints the tiny models that there are, as JSON
make.py --types                  prints the model types that optimum-intel exports, with the versions of transformers it takes, as JSON
"""

import copy
import json
import shutil
import sys
import traceback
import zlib
from pathlib import Path

import torch
import transformers
from models import GUARDS, MODELS
from transformers import AutoConfig, AutoModelForCausalLM

PROMPTS = [1, 5, 20, 33, 60, 150]
NEW = 24
# What a user says after the first answer.
SECOND = 7


def widen(model, seed):
    """Weights as their usual initialisation makes them leave the logits nearly flat: positions, masks and biases would not matter."""
    generator = torch.Generator().manual_seed(seed)
    fixed = ("A_log", "dt_bias", "inv_freq")
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if name.endswith(fixed):
                continue
            noise = torch.randn(weight.shape, generator=generator)
            if weight.dim() < 2:
                # Exporters fold away norms of ones and biases of zeros.
                weight.copy_(torch.nan_to_num(weight) + 0.25 * noise)
            elif "emb" in name or "wte" in name or "wpe" in name:
                weight.copy_(noise)
            else:
                # Of stacked experts, the last two sizes are a matrix; of a convolution, its kernel.
                weight.copy_(noise * max(weight.shape[1:]) ** -0.5)
    return model


@torch.no_grad()
def greedy(model, prompt, limit):
    """The whole sequence anew for each token: nothing that a cache could get wrong."""
    # Dynamic RoPE scaling remembers the longest sequence that it has seen.
    model = copy.deepcopy(model)
    tokens, margins = list(prompt), []
    for _ in range(min(NEW, limit - len(prompt))):
        logits = model(input_ids=torch.tensor([tokens]), use_cache=False).logits[0, -1]
        best = torch.topk(logits, 2)
        margins.append(float(best.values[0] - best.values[1]))
        tokens.append(int(best.indices[0]))
    return dict(prompt=list(prompt), answer=tokens[len(prompt) :], margins=margins)


def golden(model, seed, limit):
    generator = torch.Generator().manual_seed(seed)
    draw = lambda count: torch.randint(8, 512, (count,), generator=generator).tolist()
    first = [greedy(model, draw(length), limit) for length in PROMPTS if length < limit]
    second = []
    for turn in first:
        prompt = turn["prompt"] + turn["answer"] + draw(SECOND)
        if len(prompt) < limit:
            second.append(greedy(model, prompt, limit))
    return dict(first=first, second=second)


def context(config):
    return min(getattr(config, name, None) or 10**9 for name in ("max_position_embeddings", "n_positions", "max_seq_len"))


def export(source, target):
    from optimum.exporters.openvino import main_export
    from optimum.intel import OVConfig

    main_export(source, target, task="text-generation-with-past", ov_config=OVConfig(dtype="fp32"), convert_tokenizer=False)


def make(name, spec, output, tokenizer):
    folder = output / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    seed = zlib.crc32(name.encode())
    result = dict(modelType=spec["model_type"], transformers=transformers.__version__)
    stage = "configuration"
    try:
        torch.manual_seed(seed)
        config = AutoConfig.for_model(spec["model_type"], **spec["config"])
        model = widen(AutoModelForCausalLM.from_config(config).float().eval(), seed)
        stage = "transformers"
        source = folder / "original"
        model.save_pretrained(source)
        for file in ("tokenizer.json", "tokenizer_config.json"):
            shutil.copy(tokenizer / file, source)
        model = AutoModelForCausalLM.from_pretrained(source, **spec["attention"]).float().eval()
        result.update(golden(model, seed, spec.get("beyond") or context(model.config)))
        stage = "export"
        export(source, folder)
        for file in ("tokenizer.json", "tokenizer_config.json", "generation_config.json"):
            if (source / file).exists():
                shutil.copy(source / file, folder)
        shutil.rmtree(source)
    except Exception as error:
        traceback.print_exc()
        result.update(failed=stage, error=f"{type(error).__name__}: {error}"[:500])
    (folder / "golden.json").write_text(json.dumps(result))
    print(name, "failed at " + result["failed"] if "failed" in result else "done", flush=True)


def types():
    import optimum.exporters.openvino  # noqa: F401 registers its types
    from optimum.exporters.tasks import TasksManager
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES as classes

    found = {}
    for name, libraries in sorted(TasksManager._SUPPORTED_MODEL_TYPE.items()):
        config = libraries.get("openvino", {}).get("text-generation-with-past")
        if config is not None:
            config = getattr(config, "func", config)
            versions = [getattr(config, f"{end}_TRANSFORMERS_VERSION", None) for end in ("MIN", "MAX")]
            found[name] = dict(minimum=versions[0] and str(versions[0]), maximum=versions[1] and str(versions[1]), known=name in classes)
    return found


def main(arguments):
    torch.set_num_threads(1)
    if arguments in (["--types"], ["--models"]):
        print(json.dumps(types() if arguments == ["--types"] else MODELS))
        return
    specs = GUARDS if arguments[0] == "--guards" else MODELS
    output, tokenizer, *names = arguments[specs is GUARDS :]
    for name in names:
        make(name, specs[name], Path(output), Path(tokenizer))


main(sys.argv[1:])
