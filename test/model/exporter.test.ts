import t from 'tap'
import { exporterDoubt } from '#lib/model/exporter.js'

t.test('versions that were not tested are named, with what to do', async (t) => {
  const tested = {
    'optimum/optimum_intel_version': '2.2.0',
    'optimum/optimum_version': '2.3.0',
    'nncf/version': '3.4.0',
  }
  t.equal(exporterDoubt({}), '', 'a model that does not tell')
  t.equal(exporterDoubt(tested), '')
  t.equal(
    exporterDoubt({ ...tested, 'optimum/optimum_intel_version': '1.19.0', 'nncf/version': '2.12' }),
    'exported with optimum_intel 1.19.0 (tested: 2.2.0), nncf 2.12 (tested: 3.4.0): openvino-llm check compares the engines on it',
  )
})
