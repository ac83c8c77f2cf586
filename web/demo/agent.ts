// The agent's page: signing in and out. The desk itself is desk.ts.

import { createClient, type Session } from '@supabase/supabase-js'
import { Desk } from './desk.js'
import { byId, sayOrHide } from './elements.js'
import { demoSettings } from './settings.js'

const settings = await demoSettings()
const supabase = createClient(settings.url, settings.anonKey)
const alert = byId('sign-in-alert')
let desk: Desk | null = null

/** The desk of whoever is signed in, or the door. */
function turn(session: Session | null): void {
  byId('door').hidden = session !== null
  byId('desk').hidden = session === null
  if (session?.user.id === desk?.userId) return
  desk?.leave()
  desk = session && new Desk(supabase, settings, session.user.id)
}

byId<HTMLFormElement>('sign-in').addEventListener('submit', async (event) => {
  event.preventDefault()
  const given = new FormData(event.target as HTMLFormElement)
  const { error } = await supabase.auth.signInWithPassword({
    email: String(given.get('email')),
    password: String(given.get('password')),
  })
  sayOrHide(alert, error && error.message)
})
byId('sign-out').addEventListener('click', () => void supabase.auth.signOut())
// Answers at once with the session that is kept, if there is one.
supabase.auth.onAuthStateChange((_event, session) => turn(session))
