import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { basename, join } from 'node:path'
import { runChecked } from './run.js'
import { nodeProgram, npmScript, tool } from './tools.js'

export const packagesFolder = join(process.cwd(), 'build', 'packages')

interface Manifest {
  name: string
  version: string
  optionalDependencies?: Record<string, string>
}

/** A registry on this machine that holds the packages made here and what they depend on, and knows no other registry. */
export class Registry {
  private constructor(
    readonly url: string,
    private readonly child: ChildProcess,
  ) {}

  static async start(folder: string): Promise<Registry> {
    const port = await freePort()
    mkdirSync(folder, { recursive: true })
    const config = join(folder, 'config.yaml')
    const everything = "  '**':\n    access: $all\n    publish: $all\n"
    writeFileSync(
      config,
      `storage: ${folder}/storage\nmax_body_size: 200mb\nauth: {}\nweb: { enable: false }\npackages:\n${everything}log: { type: stdout, level: warn }\n`,
    )
    const program = join(tool('verdaccio').folder, 'bin', 'verdaccio')
    const url = `http://127.0.0.1:${port}/`
    const child = spawn(nodeProgram(24).program, [program, '--config', config, '--listen', url], {
      cwd: folder,
      env: { HOME: folder },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    child.stdout?.on('data', (part) => (output += part))
    child.stderr?.on('data', (part) => (output += part))
    const deadline = Date.now() + 600_000
    for (;;) {
      if (child.exitCode !== null || Date.now() > deadline) throw new Error(`verdaccio does not answer: ${output}`)
      const answers = await fetch(`${url}-/ping`).then(
        (response) => response.ok,
        () => false,
      )
      if (answers) break
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    return new Registry(url, child)
  }

  stop(): void {
    this.child.kill('SIGKILL')
  }

  /** Publishes the two packages, stubs of the other platforms', and what is installed with them here. */
  async publishAll(folder: string): Promise<void> {
    const main = manifestOf(join(packagesFolder, 'openvino-llm'))
    await this.publish(main, join(packagesFolder, `openvino-llm-${main.version}.tgz`))
    for (const [name, version] of Object.entries(main.optionalDependencies ?? {})) {
      const [os = '', cpu = '', libc] = basename(name).split('-')
      if (name === '@openvino-llm/linux-x64-gnu') {
        const made = manifestOf(join(packagesFolder, 'linux-x64-gnu'))
        await this.publish(made, join(packagesFolder, `openvino-llm-linux-x64-gnu-${version}.tgz`))
        continue
      }
      const stub = { name, version, os: [os], cpu: [cpu], ...(libc === 'gnu' ? { libc: ['glibc'] } : {}) }
      const source = join(folder, 'stubs', basename(name))
      mkdirSync(source, { recursive: true })
      writeFileSync(join(source, 'package.json'), JSON.stringify(stub))
      await this.publish(stub, await pack(source, folder))
    }
    const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8')) as {
      packages: Record<string, { dev?: boolean }>
    }
    for (const [path, { dev }] of Object.entries(packages)) {
      if (path && !dev) await this.publish(manifestOf(path), await pack(path, folder))
    }
  }

  private async publish(manifest: Manifest, tarball: string): Promise<void> {
    const { name, version } = manifest
    const data = readFileSync(tarball)
    const file = basename(tarball)
    const dist = {
      tarball: `${this.url}${name}/-/${file}`,
      integrity: `sha512-${createHash('sha512').update(data).digest('base64')}`,
      shasum: createHash('sha1').update(data).digest('hex'),
    }
    const body = {
      _id: name,
      name,
      'dist-tags': { latest: version },
      versions: { [version]: { ...manifest, dist } },
      _attachments: {
        [file]: { content_type: 'application/octet-stream', data: data.toString('base64'), length: data.length },
      },
    }
    const response = await fetch(`${this.url}${name.replace('/', '%2f')}`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    if (!response.ok) throw new Error(`publishing ${name}: ${response.status} ${await response.text()}`)
  }
}

function manifestOf(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest
}

async function pack(source: string, folder: string): Promise<string> {
  const args = [npmScript(), 'pack', '--silent', '--ignore-scripts', '--pack-destination', folder]
  const { stdout } = await runChecked(process.execPath, args, {
    cwd: source,
    env: { HOME: folder, PATH: '/usr/bin:/bin' },
  })
  return join(folder, stdout.trim())
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().on('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
    })
  })
}
