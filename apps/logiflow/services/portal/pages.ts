import { readFile } from 'node:fs/promises'
import type { Reply, Routes } from '../../platform/http.ts'

const CONTENT_SECURITY_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"

const files: Readonly<Record<string, readonly [file: string, type: string]>> = {
  '/': ['index.html', 'text/html; charset=utf-8'],
  '/app.css': ['app.css', 'text/css; charset=utf-8'],
  '/app.js': ['app.js', 'text/javascript; charset=utf-8'],
  '/map.js': ['map.js', 'text/javascript; charset=utf-8'],
  '/ops.js': ['ops.js', 'text/javascript; charset=utf-8'],
  '/dom.js': ['dom.js', 'text/javascript; charset=utf-8'],
  '/state.js': ['state.js', 'text/javascript; charset=utf-8'],
  '/actions.js': ['actions.js', 'text/javascript; charset=utf-8'],
  '/letters.js': ['letters.js', 'text/javascript; charset=utf-8'],
  '/order-form.js': ['order-form.js', 'text/javascript; charset=utf-8'],
  '/shipment.js': ['shipment.js', 'text/javascript; charset=utf-8'],
  '/icon.svg': ['icon.svg', 'image/svg+xml'],
}

const page = async (file: string, type: string): Promise<Reply> => ({
  status: 200,
  bytes: await readFile(new URL(`public/${file}`, import.meta.url)),
  headers: {
    'content-type': type,
    'content-security-policy': CONTENT_SECURITY_POLICY,
    'referrer-policy': 'no-referrer',
    'cache-control': 'no-cache',
  },
})

/** The page's own files, by exact name: no path from a request ever reaches the file system. */
export const pageRoutes: Routes = Object.fromEntries(
  Object.entries(files).map(([path, [file, type]]) => [`GET ${path}`, () => page(file, type)]),
)
