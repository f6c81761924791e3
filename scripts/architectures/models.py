"""Every model type that optimum-intel exports as a decoder, as a tiny configuration: hidden size 64, all kinds of layers that it has."""

LATEST = "5.5.4"

BASE = dict(
    vocab_size=512,
    hidden_size=64,
    intermediate_size=128,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    max_position_embeddings=256,
    bos_token_id=1,
    eos_token_id=3,
    pad_token_id=3,
    tie_word_embeddings=False,
)
# GPT-2 and its kin have their own names for the same sizes.
GPT = dict(
    vocab_size=512,
    n_embd=64,
    n_layer=2,
    n_head=4,
    n_positions=256,
    bos_token_id=1,
    eos_token_id=3,
    tie_word_embeddings=False,
)
SEQ2SEQ = dict(
    vocab_size=512,
    d_model=64,
    decoder_layers=2,
    decoder_attention_heads=4,
    decoder_ffn_dim=128,
    encoder_layers=2,
    encoder_attention_heads=4,
    encoder_ffn_dim=128,
    max_position_embeddings=256,
    bos_token_id=1,
    eos_token_id=3,
    pad_token_id=0,
    is_decoder=True,
    is_encoder_decoder=False,
    tie_word_embeddings=False,
)
MOE = dict(moe_intermediate_size=64, num_experts=4, num_experts_per_tok=2)
LINEAR = dict(
    linear_num_key_heads=2,
    linear_num_value_heads=4,
    linear_key_head_dim=16,
    linear_value_head_dim=16,
    linear_conv_kernel_dim=4,
    layer_types=["linear_attention", "linear_attention", "linear_attention", "full_attention"],
    num_hidden_layers=4,
    head_dim=16,
)
SLIDING = ["sliding_attention", "full_attention"]
# Both names of a version's RoPE settings; the other one is ignored.
def rope(**settings):
    kind = dict(rope_theta=10000.0, **settings)
    return dict(rope_scaling=dict(kind), rope_parameters=dict(kind))


def model(model_type, version=LATEST, base=BASE, drop=(), beyond=None, attention=None, **settings):
    """`beyond`: positions up to which it is asked, when they go beyond the trained length. `attention`: not the usual implementation."""
    values = {name: value for name, value in base.items() if name not in drop}
    return dict(model_type=model_type, transformers=version, beyond=beyond, attention=attention or {}, config={**values, **settings})


OLD = "4.57.6"
# The one that knows softcapping.
EAGER = dict(attn_implementation="eager")
MLA = dict(
    q_lora_rank=32, kv_lora_rank=16, qk_rope_head_dim=8, qk_nope_head_dim=16, v_head_dim=12, head_dim=8,
    num_key_value_heads=4, n_routed_experts=4, n_shared_experts=1, num_experts_per_tok=2, n_group=2, topk_group=1,
    first_k_dense_replace=1, moe_intermediate_size=64, routed_scaling_factor=1.0,
)
LONG = dict(
    max_position_embeddings=256, original_max_position_embeddings=32, num_key_value_heads=2,
)

MODELS = {
    "afmoe": model("afmoe", layer_types=SLIDING, sliding_window=16, num_dense_layers=1, num_shared_experts=1, head_dim=16, **MOE),
    "arcee": model("arcee"),
    "bart": model("bart", base=SEQ2SEQ),
    "bigbird_pegasus": model("bigbird_pegasus", base=SEQ2SEQ, attention_type="original_full"),
    "biogpt": model("biogpt"),
    "bitnet": model("bitnet", OLD),
    "blenderbot": model("blenderbot", base=SEQ2SEQ),
    "blenderbot-small": model("blenderbot-small", base=SEQ2SEQ),
    "bloom": model("bloom", base=dict(seq_length=256, vocab_size=512, hidden_size=64, n_layer=2, n_head=4, bos_token_id=1, eos_token_id=3, pad_token_id=3, tie_word_embeddings=False)),
    "codegen": model("codegen", base=GPT, n_ctx=256, rotary_dim=8),
    "cohere": model("cohere", logit_scale=1.0),
    "cohere2": model("cohere2", logit_scale=1.0, sliding_window=16, layer_types=SLIDING),
    "dbrx": model("dbrx", OLD, base=dict(vocab_size=512, d_model=64, n_heads=4, n_layers=2, max_seq_len=256, bos_token_id=1, eos_token_id=3, pad_token_id=3, tie_word_embeddings=False), attn_config=dict(kv_n_heads=2, rope_theta=10000.0, clip_qkv=8), ffn_config=dict(ffn_hidden_size=128, moe_num_experts=4, moe_top_k=2)),
    "deepseek_v3": model("deepseek_v3", "4.53.3", **MLA),
    "exaone4": model("exaone4", OLD, sliding_window=16, layer_types=SLIDING),
    "falcon-7b": model("falcon", alibi=False, multi_query=True, parallel_attn=True, new_decoder_architecture=False),
    "falcon-alibi": model("falcon", alibi=True, multi_query=False, parallel_attn=False, new_decoder_architecture=False, bias=True),
    "falcon-40b": model("falcon", alibi=False, new_decoder_architecture=True, num_kv_heads=2),
    "falcon_mamba": model("falcon_mamba", "5.2.0", drop=["intermediate_size", "num_attention_heads", "num_key_value_heads"], state_size=16, conv_kernel=4, expand=2, use_mambapy=False),
    "gemma": model("gemma", OLD, head_dim=16),
    "gemma2": model("gemma2", OLD, attention=EAGER, head_dim=16, sliding_window=16, query_pre_attn_scalar=16, attn_logit_softcapping=5.0, final_logit_softcapping=10.0),
    "gemma3_text": model("gemma3_text", OLD, num_hidden_layers=4, head_dim=16, sliding_window=16, query_pre_attn_scalar=16, layer_types=["sliding_attention"] * 3 + ["full_attention"]),
    "gemma3n_text": model("gemma3n_text", "5.0.0", num_hidden_layers=4, head_dim=16, sliding_window=16, layer_types=SLIDING * 2, num_kv_shared_layers=2, vocab_size_per_layer_input=512, hidden_size_per_layer_input=16, laurel_rank=8, altup_num_inputs=2, activation_sparsity_pattern=[0.5, 0.0, 0.0, 0.0]),
    "gemma4_text": model("gemma4_text", num_hidden_layers=4, head_dim=16, global_head_dim=32, sliding_window=16, layer_types=SLIDING * 2, num_kv_shared_layers=0, vocab_size_per_layer_input=512, hidden_size_per_layer_input=16),
    "gemma4_text-shared": model("gemma4_text", num_hidden_layers=4, head_dim=16, global_head_dim=32, sliding_window=16, layer_types=SLIDING * 2, num_kv_shared_layers=2, vocab_size_per_layer_input=512, hidden_size_per_layer_input=16),
    "glm": model("glm", OLD, head_dim=16),
    "glm4": model("glm4", head_dim=16),
    "gpt2": model("gpt2", base=GPT),
    "gpt_bigcode": model("gpt_bigcode", base=GPT, multi_query=True),
    "gpt_neo": model("gpt_neo", drop=["num_hidden_layers", "num_attention_heads", "num_key_value_heads"], num_layers=2, num_heads=4, window_size=16, attention_types=[[["global", "local"], 1]]),
    "gpt_neo-window-128": model("gpt_neo", drop=["num_hidden_layers", "num_attention_heads", "num_key_value_heads"], num_layers=2, num_heads=4, window_size=128, attention_types=[[["global", "local"], 1]]),
    "gpt_neox": model("gpt_neox", drop=["num_key_value_heads"]),
    "gpt_neox-serial": model("gpt_neox", drop=["num_key_value_heads"], use_parallel_residual=False),
    "gpt_neox_japanese": model("gpt_neox_japanese", drop=["num_key_value_heads"], intermediate_multiple_size=2),
    "gpt_oss": model("gpt_oss", head_dim=16, sliding_window=16, layer_types=SLIDING, num_local_experts=4, num_experts_per_tok=2),
    "gptj": model("gptj", base=GPT, rotary_dim=8),
    "granite": model("granite", attention_multiplier=0.25, residual_multiplier=0.5, embedding_multiplier=2.0, logits_scaling=1.0),
    "granitemoe": model("granitemoe", num_local_experts=4, num_experts_per_tok=2, attention_multiplier=0.25),
    "granitemoehybrid": model("granitemoehybrid", num_hidden_layers=4, layer_types=["mamba", "mamba", "mamba", "attention"], num_local_experts=4, num_experts_per_tok=2, shared_intermediate_size=64, mamba_n_heads=8, mamba_d_head=16, mamba_d_state=16, mamba_n_groups=1, mamba_expand=2, mamba_chunk_size=16, position_embedding_type="rope", attention_multiplier=0.25),
    "hunyuan_v1_dense": model("hunyuan_v1_dense", head_dim=16),
    "lfm2": model("lfm2", "5.2.0", num_hidden_layers=4, layer_types=["conv", "conv", "full_attention", "conv"], block_auto_adjust_ff_dim=False, conv_L_cache=3),
    "lfm2_moe": model("lfm2_moe", "5.2.0", num_hidden_layers=4, layer_types=["conv", "conv", "full_attention", "conv"], num_dense_layers=2, **MOE),
    "llama": model("llama"),
    "llama-dynamic": model("llama", beyond=256, max_position_embeddings=64, **rope(rope_type="dynamic", factor=2.0)),
    "llama-linear": model("llama", **rope(rope_type="linear", factor=4.0)),
    "llama-llama3": model("llama", **rope(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=32)),
    "llama-yarn": model("llama", **rope(rope_type="yarn", factor=4.0, original_max_position_embeddings=64)),
    "llama-biases": model("llama", attention_bias=True, mlp_bias=True, tie_word_embeddings=True),
    "llama4_text": model("llama4_text", OLD, num_hidden_layers=4, head_dim=16, intermediate_size_mlp=128, num_local_experts=4, num_experts_per_tok=1, interleave_moe_layer_step=2, attention_chunk_size=16, attn_temperature_tuning=True, floor_scale=16),
    "mamba": model("mamba", "5.2.0", drop=["intermediate_size", "num_attention_heads", "num_key_value_heads"], state_size=16, conv_kernel=4, expand=2, use_mambapy=False),
    "marian": model("marian", OLD, base=SEQ2SEQ, decoder_start_token_id=0),
    "mbart": model("mbart", base=SEQ2SEQ),
    "mistral": model("mistral", sliding_window=None, head_dim=16),
    "mistral-sliding-window": model("mistral", sliding_window=16),
    "mixtral": model("mixtral", num_local_experts=4, num_experts_per_tok=2, sliding_window=None),
    "mixtral-sliding-window": model("mixtral", num_local_experts=4, num_experts_per_tok=2, sliding_window=16),
    "mpt": model("mpt", base=dict(vocab_size=512, d_model=64, n_layers=2, n_heads=4, max_seq_len=256, bos_token_id=1, eos_token_id=3, tie_word_embeddings=False)),
    "olmo": model("olmo"),
    "olmo-clip": model("olmo", clip_qkv=1.0),
    "olmo2": model("olmo2"),
    "opt": model("opt", drop=["intermediate_size"], ffn_dim=128, word_embed_proj_dim=64, pad_token_id=1),
    "opt-projected": model("opt", drop=["intermediate_size"], ffn_dim=128, word_embed_proj_dim=32, do_layer_norm_before=False, pad_token_id=1),
    "pegasus": model("pegasus", base=SEQ2SEQ),
    "persimmon": model("persimmon", partial_rotary_factor=0.5),
    "phi": model("phi", num_key_value_heads=4, partial_rotary_factor=0.5),
    "phi3": model("phi3", sliding_window=None),
    "phi3-sliding-window": model("phi3", sliding_window=16),
    "phi3-longrope": model("phi3", sliding_window=None, original_max_position_embeddings=64, **rope(rope_type="longrope", short_factor=[1.0 + 0.05 * i for i in range(8)], long_factor=[1.5 + 0.5 * i for i in range(8)], original_max_position_embeddings=64)),
    "phi3-partial-rotary": model("phi3", sliding_window=None, partial_rotary_factor=0.75, num_attention_heads=4),
    "phimoe": model("phimoe", num_local_experts=4, num_experts_per_tok=2, sliding_window=None),
    "qwen2": model("qwen2"),
    "qwen2-sliding-window": model("qwen2", use_sliding_window=True, sliding_window=16, max_window_layers=1, layer_types=["full_attention", "sliding_attention"]),
    "qwen2_moe": model("qwen2_moe", shared_expert_intermediate_size=64, **MOE),
    "qwen3": model("qwen3", head_dim=16),
    "qwen3_5_text": model("qwen3_5_text", "5.2.0", **LINEAR, **rope(rope_type="default", partial_rotary_factor=0.25, mrope_section=[1, 1, 0])),
    "qwen3_5_moe_text": model("qwen3_5_moe_text", "5.2.0", **LINEAR, **MOE, shared_expert_intermediate_size=64, **rope(rope_type="default", partial_rotary_factor=0.25, mrope_section=[1, 1, 0])),
    "qwen3_moe": model("qwen3_moe", head_dim=16, **MOE),
    "qwen3_next": model("qwen3_next", OLD, **LINEAR, **MOE, shared_expert_intermediate_size=64),
    "smollm3": model("smollm3", num_hidden_layers=4),
    "smollm3-sliding-window": model("smollm3", num_hidden_layers=4, use_sliding_window=True, sliding_window=16, layer_types=SLIDING * 2),
    "stablelm": model("stablelm", partial_rotary_factor=0.25),
    "stablelm-parallel": model("stablelm", partial_rotary_factor=0.25, use_parallel_residual=True, qk_layernorm=True, use_qkv_bias=True),
    "starcoder2": model("starcoder2", sliding_window=None),
    "starcoder2-sliding-window": model("starcoder2", sliding_window=16),
    "xglm": model("xglm", base=dict(vocab_size=512, d_model=64, ffn_dim=128, num_layers=2, attention_heads=4, max_position_embeddings=256, bos_token_id=1, eos_token_id=3, pad_token_id=0, tie_word_embeddings=False)),
    "zamba2": model("zamba2", OLD, num_hidden_layers=4, layers_block_type=["mamba", "hybrid", "mamba", "hybrid"], num_key_value_heads=4, mamba_d_state=16, mamba_d_conv=4, mamba_expand=2, mamba_ngroups=1, n_mamba_heads=8, num_mem_blocks=2, use_shared_attention_adapter=False, adapter_rank=8, use_mem_rope=True, chunk_size=16),
}


def smaller(name, **settings):
    return {**MODELS[name], "config": {**MODELS[name]["config"], **settings}}


# test/fixtures/architectures: models that must not be paged, as small as they can be.
GUARDS = {
    "marian": smaller("marian", d_model=32, decoder_attention_heads=2, encoder_attention_heads=2, decoder_ffn_dim=64, decoder_layers=1),
}
