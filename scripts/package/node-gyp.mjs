#!/usr/bin/env node
// @ts-check
// prebuildify builds every addon with node-gyp. This takes node-gyp's place and builds with cmake-js, as build.mjs does.
import { copyFile, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { buildAddon, checkTools } from '../build/cmake.mjs'
import { requiredGrammarLibrary } from '../build/grammar.mjs'
import { needsDownload, openvinoFolder } from '../build/openvino.mjs'
import { Complaint, root, runMain } from '../run.mjs'

runMain(async () => {
  const { PREBUILD_PLATFORM: platform, PREBUILD_ARCH: arch } = process.env
  if (platform !== process.platform || arch !== process.arch) {
    throw new Complaint(
      `The addon for ${platform}-${arch} has to be built there: this is ${process.platform}-${process.arch}.`,
    )
  }
  const tools = await checkTools(await needsDownload())
  await buildAddon(await openvinoFolder(), tools, await requiredGrammarLibrary())
  // prebuildify strips and moves what it finds below its working directory: it gets a copy.
  const release = join(process.cwd(), 'build', 'Release')
  await mkdir(release, { recursive: true })
  await copyFile(join(root, 'build', 'Release', 'openvino_llm.node'), join(release, 'openvino_llm.node'))
})
