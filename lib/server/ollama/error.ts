import type { ApiError } from '../api-error.js'

/** A failure in Ollama's shape. */
export const ollamaError = ({ message }: ApiError) => ({ error: message })
