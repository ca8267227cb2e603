// node inspector.mjs URL PORT [FLAGS…]: the MCP Inspector's command line. Each run of it is a process of its own that
// keeps its login in HOME and listens on PORT for its callback; NODE22 names the Node.js it needs. The first run meets
// the login, the others must do with what it stored.
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { Browser } from './browser.mjs'
import { callAll, check, equal, run, useTools } from './common.mjs'

const RUN_TIMEOUT = 60_000
const [url, port, ...flags] = process.argv.slice(2)
const program = fileURLToPath(new URL('../node22/node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js', import.meta.url))
const home = mkdtempSync(join(tmpdir(), 'inspector-e2e-'))
process.on('exit', () => rmSync(home, { recursive: true, force: true }))

const browser = new Browser()
let authorizations = 0

/** Runs the Inspector with one method, and returns the result it prints. */
function inspect(method, ...more) {
  const args = [program, '--cli', url, '--format', 'json', '--callback-url', `http://127.0.0.1:${port}/oauth/callback`, ...flags, '--method', method, ...more]
  // Without a terminal the Inspector starts a login only if it may open a browser.
  const env = { PATH: process.env.PATH, HOME: home, BROWSER: '/bin/true', MCP_AUTO_OPEN_ENABLED: 'true', MCP_INSPECTOR_SECRET_STORE: 'file' }
  return new Promise((resolve, reject) => {
    const child = spawn(process.env.NODE22, args, { env, stdio: ['ignore', 'pipe', 'pipe'], timeout: RUN_TIMEOUT, killSignal: 'SIGKILL' })
    process.on('exit', () => child.kill('SIGKILL'))
    const said = []
    let output = ''
    child.stdout.on('data', chunk => (output += chunk))
    createInterface({ input: child.stderr }).on('line', line => {
      const asked = line.match(/^Please navigate to: (\S+)$/)
      if (!asked) return void said.push(line)
      authorizations++
      browser.drive(asked[1]).catch(error => {
        child.kill('SIGKILL')
        reject(error)
      })
    })
    child.on('error', reject)
    child.on('close', (code, signal) => {
      if (code !== 0) return reject(new Error(`the Inspector ends with ${code ?? signal} at ${method}\n${said.join('\n')}`))
      resolve(JSON.parse(output).result)
    })
  })
}

const call = (name, args) => inspect('tools/call', '--tool-name', name, '--tool-args-json', JSON.stringify(args))

/** The file with the tokens, and the entry in it. */
function vault() {
  const file = join(home, '.mcp-inspector', 'secrets.json')
  const content = JSON.parse(readFileSync(file, 'utf8'))
  const key = Object.keys(content.secrets).find(name => name.includes(':tokens'))
  check(key, 'the Inspector stored no tokens')
  return { file, content, key, tokens: JSON.parse(content.secrets[key]) }
}

/** Makes the stored access token worthless: the next run must be saved by the refresh token. */
function spoilAccessToken() {
  const { file, content, key, tokens } = vault()
  check(tokens.refresh_token, 'the token response held no refresh token')
  content.secrets[key] = JSON.stringify({ ...tokens, access_token: 'x'.repeat(tokens.access_token.length) })
  writeFileSync(file, JSON.stringify(content))
  return tokens.refresh_token
}

await run(`inspector ${flags.join(' ')}`, async () => {
  // --strict ends with 6 if a schema is one that some clients cannot use.
  const tools = await useTools(async () => (await inspect('tools/list', '--strict')).tools, call)
  // The short way to give arguments.
  equal((await inspect('tools/call', '--tool-name', 'echo', '--tool-arg', 'message=hi')).structuredContent, { echoed_message: 'hi' }, 'echo of hi')

  const spent = spoilAccessToken()
  await callAll(call)
  const { refresh_token } = vault().tokens
  check(refresh_token && refresh_token !== spent, 'the refresh token was not rotated')
  equal(authorizations, 1, 'number of logins')
  return { tools, authorizations, pages: browser.pages.length }
})
