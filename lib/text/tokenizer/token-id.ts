/** All ids are below this, so that a pair of ids fits one exact number. */
export const maxTokenIds = 2 ** 20

export const isTokenId = (value: unknown): value is number =>
  Number.isInteger(value) && (value as number) >= 0 && (value as number) < maxTokenIds
