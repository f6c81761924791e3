import { useEffect, useState } from 'preact/hooks'
import { MetricSeries, type Series } from '../metrics/series.js'
import { height, shapeOf, short, width } from '../metrics/shape.js'
import type { Session } from '../session.js'
import { Dialog } from './dialog.js'

/** Milliseconds between two looks at the server's metrics. */
const interval = 2000

/** What the server does now, from /metrics, as small charts. It is asked only while they are shown. */
export function MetricsDialog({ session, onClose }: { session: Session; onClose: () => void }) {
  const { problem, series } = useMetrics(session)
  return (
    <Dialog title="Server" kind="wide" onClose={onClose}>
      <p class="hint">
        All models and all clients together, every {interval / 1000} seconds since this window was opened.
      </p>
      {problem !== '' && (
        <p class="error" role="alert">
          {problem}
        </p>
      )}
      <div class="charts">
        {series.map((each) => (
          <Chart key={each.title} series={each} />
        ))}
      </div>
    </Dialog>
  )
}

function useMetrics({ client }: Session): { problem: string; series: readonly Series[] } {
  const [metrics] = useState(() => new MetricSeries())
  const [problem, setProblem] = useState('')
  const [, setLooks] = useState(0)
  useEffect(() => {
    const controller = new AbortController()
    let timer: ReturnType<typeof setTimeout> | undefined
    const look = async () => {
      try {
        metrics.add(await client.metrics(controller.signal), performance.now())
        setProblem('')
        setLooks((looks) => looks + 1)
      } catch (error) {
        if (!controller.signal.aborted) setProblem(`The server's metrics cannot be read: ${(error as Error).message}`)
      }
      if (!controller.signal.aborted) timer = setTimeout(() => void look(), interval)
    }
    void look()
    return () => {
      controller.abort()
      clearTimeout(timer)
    }
  }, [client, metrics])
  return { problem, series: metrics.series }
}

function Chart({ series: { title, unit, values } }: { series: Series }) {
  const { line, area } = shapeOf(values, unit === '%' ? 100 : undefined)
  const last = values.at(-1)
  const now = last === undefined ? '–' : short(last)
  const peak = values.length > 0 ? short(Math.max(...values)) : '–'
  return (
    <figure class="chart">
      <figcaption>{title}</figcaption>
      <p>
        <strong>{now}</strong> {unit} <small>peak {peak}</small>
      </p>
      <svg
        role="img"
        aria-label={`${title}: now ${now} ${unit}, peak ${peak}`}
        viewBox={`0 0 ${width} ${height}`}
        preserveAspectRatio="none"
      >
        <path class="area" d={area} />
        <path class="line" d={line} />
      </svg>
    </figure>
  )
}
