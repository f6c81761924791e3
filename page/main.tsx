import { render } from 'preact'
import { Client } from './api/client.js'
import { ChatStore } from './chats/store.js'
import { Session } from './session.js'
import { App } from './views/app.js'
import { keptKey } from './views/key-dialog.js'

const session = new Session(new Client(keptKey()), new ChatStore(localStorage))
const root = document.getElementById('app')
if (root) render(<App session={session} />, root)
void session.connect()
