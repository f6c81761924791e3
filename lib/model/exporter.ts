/** The versions whose exports the tests compare with transformers, by their names in a model's rt_info. */
const tested: Readonly<Record<string, string>> = {
  'optimum/optimum_intel_version': '2.2.0',
  'optimum/optimum_version': '2.3.0',
  'nncf/version': '3.4.0',
}

/**
 * Which exporter versions of a model differ from the tested ones, and what to do; '' when none does, or when the model does not tell.
 * @param rtInfo of the model, flattened
 */
export function exporterDoubt(rtInfo: Readonly<Record<string, string>>): string {
  const others = Object.entries(tested).flatMap(([name, version]) => {
    const found = rtInfo[name]
    return found === undefined || found === version
      ? []
      : [`${name.replace(/^optimum\/|_version$|\/version$/g, '')} ${found} (tested: ${version})`]
  })
  return others.length === 0 ? '' : `exported with ${others.join(', ')}: openvino-llm check compares the engines on it`
}
