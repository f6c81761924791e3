import { useEffect, useState } from 'preact/hooks'
import type { ChatStore } from '../chats/store.js'

export interface ThemeChoice {
  /** '' follows the system. */
  theme: ChatStore['theme']
  choose(theme: ChatStore['theme']): void
}

/** Light or dark, as chosen in this browser. */
export function useTheme(store: ChatStore): ThemeChoice {
  const [theme, setTheme] = useState(store.theme)
  useEffect(() => {
    document.documentElement.dataset['theme'] = theme
  }, [theme])
  return {
    theme,
    choose(chosen) {
      setTheme(chosen)
      store.theme = chosen
    },
  }
}
