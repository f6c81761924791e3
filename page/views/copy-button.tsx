import { useEffect, useState } from 'preact/hooks'
import { IconButton } from './icons.js'

/** Puts a text on the clipboard, and says so for a moment. */
export function CopyButton({ label, text }: { label: string; text: string }) {
  const [state, setState] = useState<'' | 'Copied' | 'Copying failed'>('')
  useEffect(() => {
    if (state === '') return
    const timer = setTimeout(() => setState(''), 1500)
    return () => clearTimeout(timer)
  }, [state])
  const copy = async () => {
    try {
      await copyText(text)
      setState('Copied')
    } catch {
      setState('Copying failed')
    }
  }
  return <IconButton icon={state === 'Copied' ? 'check' : 'copy'} label={state || label} onClick={() => void copy()} />
}

async function copyText(text: string): Promise<void> {
  // There only with HTTPS or on loopback.
  if (navigator.clipboard) return await navigator.clipboard.writeText(text)
  const area = document.createElement('textarea')
  area.value = text
  document.body.append(area)
  area.select()
  const done = document.execCommand('copy')
  area.remove()
  if (!done) throw new Error('the browser refused')
}
