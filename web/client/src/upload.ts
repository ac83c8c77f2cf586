// A file into Storage, with progress where the platform tells of it: fetch does not, XMLHttpRequest does.

import { ChatError, refusal, type Refusal } from './chat_error.js'

/** What is put where, in whose name. */
export interface Upload {
  /** The project's address. */
  url: string
  apiKey: string
  token: string
  bucket: string
  path: string
  mimeType: string
  body: Blob
  /** 0 to 1. */
  onProgress(progress: number): void
  signal?: AbortSignal
}

/** Puts the file there. What stands there already by the same call that was answered to nobody counts as done. */
export async function uploadFile(upload: Upload): Promise<void> {
  const address = `${upload.url}/storage/v1/object/${upload.bucket}/${upload.path.split('/').map(encodeURIComponent).join('/')}`
  const headers = {
    authorization: `Bearer ${upload.token}`,
    apikey: upload.apiKey,
    'content-type': upload.mimeType,
    'x-upsert': 'false',
  }
  const [status, text] = await (typeof XMLHttpRequest === 'undefined' ? byFetch : byRequest)(address, headers, upload)
  if (status >= 300) throw refusal(status, readRefusal(text))
  upload.onProgress(1)
}

type Answer = [status: number, text: string]

async function byFetch(address: string, headers: Record<string, string>, { body, signal }: Upload): Promise<Answer> {
  try {
    const answer = await fetch(address, { method: 'POST', headers, body, ...(signal && { signal }) })
    return [answer.status, await answer.text()]
  } catch (error) {
    throw signal?.aborted ? aborted() : new ChatError(String(error), 'offline', 0)
  }
}

function byRequest(address: string, headers: Record<string, string>, upload: Upload): Promise<Answer> {
  return new Promise((answered, fails) => {
    const request = new XMLHttpRequest()
    request.open('POST', address)
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value)
    request.upload.onprogress = ({ lengthComputable, loaded, total }) => {
      if (lengthComputable && total > 0) upload.onProgress(Math.min(loaded / total, 0.99))
    }
    request.onload = () => answered([request.status, request.responseText])
    request.onerror = () => fails(new ChatError('the file could not be sent', 'offline', 0))
    request.onabort = () => fails(aborted())
    upload.signal?.addEventListener('abort', () => request.abort())
    request.send(upload.body)
  })
}

function aborted(): ChatError {
  return new ChatError('the upload was stopped', 'aborted', 499)
}

/** Storage says {statusCode, error, message}. */
function readRefusal(text: string): Refusal | null {
  try {
    const said = JSON.parse(text) as { message?: string; error?: string }
    return { ...(said.message !== undefined && { message: said.message }), ...(said.error !== undefined && { code: said.error }) }
  } catch {
    return null
  }
}
