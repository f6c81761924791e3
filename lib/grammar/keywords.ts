// Keywords of JSON Schema by what their values are.

/** Data. */
export const dataKeywords: ReadonlySet<string> = new Set(['const', 'enum'])
/** Data that says nothing about what is valid. */
export const annotations: ReadonlySet<string> = new Set(['default', 'examples'])
/** Schemas by names of any kind. */
export const schemasByName: ReadonlySet<string> = new Set([
  'properties',
  'patternProperties',
  '$defs',
  'definitions',
  'dependentSchemas',
])
