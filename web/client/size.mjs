// What a page loads: the whole client, each entry, minified and gzipped, without supabase-js and React.
// `npm run size` prints it, with --json for programs; more than the goal is an error.

import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'

const GOAL = 25 * 1024

async function size(contents) {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: '.' },
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    write: false,
    external: ['@supabase/supabase-js', 'react'],
  })
  const [{ contents: bundle }] = outputFiles
  return { minified: bundle.length, gzipped: gzipSync(bundle, { level: 9 }).length }
}

const entries = {
  'a widget: VisitorChat': "export { VisitorChat } from './dist/index.js'",
  'a dashboard: AgentInbox': "export { AgentInbox } from './dist/index.js'",
  'the whole client': "export * from './dist/index.js'",
  'sealing': "export * from './dist/seal.js'",
  'everything': "export * from './dist/index.js'; export * from './dist/react.js'; export * from './dist/seal.js'; export * from './dist/manifest.js'; export * from './dist/live_chat_api.js'",
}
const sizes = {}
for (const [entry, contents] of Object.entries(entries)) sizes[entry] = await size(contents)
if (process.argv.includes('--json')) console.log(JSON.stringify(sizes))
else for (const [entry, { minified, gzipped }] of Object.entries(sizes)) {
  console.log(`${entry.padEnd(26)} ${(minified / 1024).toFixed(1).padStart(6)} KiB minified ${(gzipped / 1024).toFixed(1).padStart(6)} KiB gzipped`)
}
if (Object.values(sizes).some(({ gzipped }) => gzipped > GOAL)) {
  console.error(`more than ${GOAL / 1024} KiB`)
  process.exit(1)
}
