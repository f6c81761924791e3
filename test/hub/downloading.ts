import type { Test } from 'tap'
import { type Snapshot, type SnapshotRequest, snapshot } from '#lib/hub/download.js'
import { FakeHub } from './fake-hub.js'

export const repo = 'owner/model'

/** A hub and an empty cache, for one test. */
export class Downloading {
  readonly hub: FakeHub
  readonly cacheDir: string
  readonly warnings: string[] = []

  private constructor(hub: FakeHub, cacheDir: string) {
    this.hub = hub
    this.cacheDir = cacheDir
  }

  static async start(t: Test, options?: { lfsBytes?: number }): Promise<Downloading> {
    const hub = await FakeHub.start(options)
    t.teardown(() => hub.close())
    return new Downloading(hub, t.testdir())
  }

  /** Downloads everything unless the request says otherwise. */
  snapshot(request: Partial<SnapshotRequest> = {}): Promise<Snapshot> {
    return snapshot({
      repo,
      endpoint: this.hub.url,
      cacheDir: this.cacheDir,
      // What the machine has set must not matter.
      offline: false,
      token: 'hf_test',
      select: (files) => files.map(({ path }) => path),
      warn: (_code, message) => this.warnings.push(message),
      ...request,
    })
  }
}
