/** How the hub and its cache are used. What is absent comes from the environment. */
export interface HubOptions {
  /** Address of the hub. Default `HF_ENDPOINT`, else https://huggingface.co. */
  endpoint?: string | undefined
  /** For private and gated repositories. Default `HF_TOKEN`, else the file `HF_TOKEN_PATH`, else `token` in `HF_HOME`. */
  token?: string | undefined
  /** The cache that is shared with `huggingface_hub`. Default `HF_HUB_CACHE`, else `hub` in `HF_HOME`. */
  cacheDir?: string | undefined
  /** Whether to use only what is in the cache. Default `HF_HUB_OFFLINE`. */
  offline?: boolean | undefined
  signal?: AbortSignal | undefined
}
