// node mcp-remote.mjs URL default|sse-only: the bridge that stdio-only hosts put in front of a remote server. It runs
// as its own process, does its own OAuth and listens for its own callback; we are its host on stdio, and its user.
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { Browser } from './browser.mjs'
import { CALL_TIMEOUT, callAll, check, equal, obeySteps, run, useTools } from './common.mjs'

const LOGIN_TIMEOUT = 60_000
const [url, kind = 'default'] = process.argv.slice(2)
const transport = { default: [], 'sse-only': ['--transport', 'sse-only'] }[kind]
const home = mkdtempSync(join(tmpdir(), 'mcp-remote-e2e-'))
process.on('exit', () => rmSync(home, { recursive: true, force: true }))

/** The bridge's process, and JSON-RPC with it. */
class Bridge {
  browser = new Browser()
  authorizations = 0
  log = []
  #process
  #waiting = new Map()
  #id = 0

  constructor(port) {
    const program = fileURLToPath(new URL('node_modules/mcp-remote/dist/proxy.js', import.meta.url))
    const args = [program, url, String(port), '--host', '127.0.0.1', '--auth-timeout', '60', ...transport]
    this.#process = spawn(process.execPath, args, {
      env: { PATH: process.env.PATH, HOME: home, BROWSER: '/bin/true', MCP_REMOTE_CONFIG_DIR: home },
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    process.on('exit', () => this.#process.kill('SIGKILL'))
    this.#process.on('exit', code => this.#fail(new Error(`mcp-remote ended with ${code}`)))
    createInterface({ input: this.#process.stdout }).on('line', line => this.#answer(JSON.parse(line)))
    createInterface({ input: this.#process.stderr }).on('line', line => this.#said(line.trim()))
  }

  request(method, params, timeout = CALL_TIMEOUT) {
    const id = ++this.#id
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${method} is not answered within ${timeout} ms`)), timeout)
      this.#waiting.set(id, { resolve, reject, timer })
      this.#write({ jsonrpc: '2.0', id, method, params })
    })
  }

  notify(method) {
    this.#write({ jsonrpc: '2.0', method })
  }

  stop() {
    this.#process.kill('SIGKILL')
  }

  #write(message) {
    this.#process.stdin.write(JSON.stringify(message) + '\n')
  }

  #answer({ id, result, error }) {
    const waiter = this.#waiting.get(id)
    if (!waiter) return
    this.#waiting.delete(id)
    clearTimeout(waiter.timer)
    if (error) waiter.reject(new Error(`the bridge answers ${JSON.stringify(error)}`))
    else waiter.resolve(result)
  }

  #said(line) {
    if (!/^https?:\/\/\S*[?&]code_challenge=/.test(line)) return void this.log.push(line)
    this.authorizations++
    this.browser.drive(line).catch(error => this.#fail(error))
  }

  #fail(error) {
    for (const { reject, timer } of this.#waiting.values()) {
      clearTimeout(timer)
      reject(error)
    }
    this.#waiting.clear()
  }
}

function tokenFile(dir = home) {
  const name = readdirSync(dir, { recursive: true }).find(path => path.endsWith('tokens.json'))
  check(name, 'mcp-remote stored no tokens')
  return join(dir, name)
}

function tokens() {
  return JSON.parse(readFileSync(tokenFile(), 'utf8'))
}

/** Makes the stored access token worthless; the bridge reads its file before each request. */
function spoilAccessToken() {
  const stored = tokens()
  check(stored.refresh_token, 'the token response held no refresh token')
  writeFileSync(tokenFile(), JSON.stringify({ ...stored, access_token: 'x'.repeat(stored.access_token.length) }))
  return stored.refresh_token
}

function freePort() {
  return new Promise(resolve => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address()
      probe.close(() => resolve(port))
    })
  })
}

await run(`mcp-remote ${kind}`, async () => {
  const bridge = new Bridge(await freePort())
  try {
    const hello = await bridge.request('initialize', {
      protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'e2e-mcp-remote', version: '1.0.0' },
    }, LOGIN_TIMEOUT)
    bridge.notify('notifications/initialized')
    const call = (name, args) => bridge.request('tools/call', { name, arguments: args })
    const tools = await useTools(async () => (await bridge.request('tools/list')).tools, call)

    const spent = spoilAccessToken()
    await callAll(call)
    const fresh = tokens()
    check(fresh.refresh_token && fresh.refresh_token !== spent, 'the refresh token was not rotated')

    const steps = await obeySteps(call)
    equal(bridge.authorizations, 1, 'number of logins')
    return { protocol: hello.protocolVersion, server: hello.serverInfo?.name, tools, steps, authorizations: bridge.authorizations, pages: bridge.browser.pages.length }
  } catch (error) {
    throw new Error(`${error.message}\n${bridge.log.slice(-30).join('\n')}`, { cause: error })
  } finally {
    bridge.stop()
  }
})
