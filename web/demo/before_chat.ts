// The form before a chat, as the site's settings ask for it.

import { ChatError, type VisitorChat, type WidgetConfig } from '@pg-chat/client'
import { make, sayOrHide } from './elements.js'

/** What refuses a message until the form has been filled in. */
export const ASKED_FIRST = ['chat/form_required', 'chat/consent_required']

/** Whether the site asks anything before a chat. */
export function isAsked(config: WidgetConfig): boolean {
  return fieldsOf(config).length > 0 || config.privacyRequired
}

/** Fills the form element and tells when it was taken. */
export function drawForm(form: HTMLFormElement, config: WidgetConfig, chat: VisitorChat, taken: () => void): void {
  const alert = make('p', { role: 'alert' })
  alert.hidden = true
  const rows: Node[] = fieldsOf(config).map(({ name, label, type, required }) => {
    const field = type === 'textarea' ? make('textarea', { name, rows: '2' }) : make('input', { name, type })
    field.required = required
    return make('label', {}, label, required ? '' : ' (if you like)', field)
  })
  if (config.departments.length > 0) {
    const options = config.departments.map(({ id, name }) => make('option', { value: id }, name))
    rows.push(make('label', {}, 'Department', make('select', { name: 'department_id' }, ...options)))
  }
  if (config.privacyRequired) {
    const consent = make('input', { type: 'checkbox', name: 'consent' })
    consent.required = true
    rows.push(make('label', { class: 'check' }, consent, config.privacyText ?? 'I agree to the privacy statement'))
  }
  form.replaceChildren(...rows, alert, make('button', { type: 'submit', class: 'main' }, 'Start the chat'))
  form.onsubmit = async (event) => {
    event.preventDefault()
    const given = Object.fromEntries([...new FormData(form)].filter(([, value]) => value !== '')) as Record<string, unknown>
    if (given['consent']) given['privacy_version'] = config.privacyVersion
    delete given['consent']
    try {
      await chat.submitForm('pre_chat', given)
      sayOrHide(alert, null)
      taken()
    } catch (error) {
      sayOrHide(alert, error instanceof ChatError ? problems(error) : String(error))
    }
  }
}

interface Field {
  name: string
  label: string
  type: string
  required: boolean
}

function fieldsOf(config: WidgetConfig): Field[] {
  const is = (setting: string) => config[setting] === true
  if (!is('preChatEnabled')) return []
  const fields: (Field | false)[] = [
    is('preChatNameRequired') && { name: 'name', label: 'Name', type: 'text', required: true },
    is('preChatEmailRequired') && { name: 'email', label: 'E-mail', type: 'email', required: true },
    is('preChatPhoneEnabled') && { name: 'phone', label: 'Phone', type: 'tel', required: is('preChatPhoneRequired') },
    is('preChatMessageRequired') && { name: 'message', label: 'What is it about?', type: 'textarea', required: true },
  ]
  return fields.filter((field) => field !== false)
}

function problems(error: ChatError): string {
  const list = error.body['problems']
  if (!Array.isArray(list)) return error.hint ? `${error.message}: ${error.hint}` : error.message
  return (list as { field: string; problem: string }[]).map(({ field, problem }) => `${field}: ${problem}`).join(', ')
}
