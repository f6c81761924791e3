// @ts-check
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Complaint, root } from '../run.mjs'

/** Included as "generated/error_code.h": build/ is on the include path. */
const header = join(root, 'build', 'generated', 'error_code.h')

/**
 * Writes the catalogue of lib/errors.ts as a C++ enumeration, so that both languages have one list and a misspelt code does not compile.
 * Leaves a header that is right as it is: a new time would compile everything again.
 * @throws {Complaint} when the catalogue is not written one code a line
 */
export async function writeErrorCodes() {
  const source = await readFile(join(root, 'lib', 'errors.ts'), 'utf8')
  const text = headerOf(codesOf(source))
  if ((await readFile(header, 'utf8').catch(() => '')) === text) return
  await mkdir(dirname(header), { recursive: true })
  await writeFile(header, text)
}

/**
 * @param {string} source of lib/errors.ts
 * @returns {string[]}
 */
function codesOf(source) {
  const lines = /errorCodes = \{\n(.*?)\n\} as const/s.exec(source)?.[1]?.split('\n') ?? ['']
  return lines.map((line) => {
    const code = /^ {2}(ERR_[A-Z_]+): '.+',$/.exec(line)?.[1]
    if (code) return code
    throw new Complaint(
      `lib/errors.ts: expected errorCodes to have lines like "  ERR_NAME: 'meaning',", found "${line}"`,
    )
  })
}

/** @param {string[]} codes */
function headerOf(codes) {
  return `// Made from lib/errors.ts by scripts/build/error-codes.mjs: change it there.
#pragma once
#include <array>
#include <cstddef>

namespace llm {

enum class ErrorCode {
${codes.map((code) => `  ${code},`).join('\n')}
};
using enum ErrorCode;

// By number.
inline constexpr std::array kErrorCodes{
${codes.map((code) => `    "${code}",`).join('\n')}
};

constexpr const auto& names_of(ErrorCode) { return kErrorCodes; }
constexpr const char* name_of(ErrorCode code) { return kErrorCodes.at(static_cast<size_t>(code)); }

}  // namespace llm
`
}
