/** Seconds since 1970: OpenAI's times. */
export const nowInSeconds = (): number => Math.floor(Date.now() / 1000)
