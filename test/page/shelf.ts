import type { Shelf } from '#page/chats/store.js'

/** A browser's storage in memory, with room for so many characters. */
export class MemoryShelf implements Shelf {
  readonly entries = new Map<string, string>()
  room: number

  constructor(room = Number.POSITIVE_INFINITY) {
    this.room = room
  }

  get length(): number {
    return this.entries.size
  }
  key(index: number): string | null {
    return [...this.entries.keys()][index] ?? null
  }
  getItem(key: string): string | null {
    return this.entries.get(key) ?? null
  }
  setItem(key: string, value: string): void {
    if (value.length > this.room) throw new DOMException('no room', 'QuotaExceededError')
    this.entries.set(key, value)
  }
  removeItem(key: string): void {
    this.entries.delete(key)
  }
}
