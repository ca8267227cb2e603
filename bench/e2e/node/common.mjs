// What all client drivers share: the checks a login must pass, a memory of what the OAuth client was given, and the
// one JSON line a driver prints about what it saw. A driver never prints a token, a code or a secret.
import { createInterface } from 'node:readline'
import { Browser } from './browser.mjs'

/** How long one tool call may take before the driver gives it up, in milliseconds. */
export const CALL_TIMEOUT = 3000

export function check(condition, message) {
  if (!condition) throw new Error(message)
}

export function equal(got, want, what) {
  const [a, b] = [JSON.stringify(got), JSON.stringify(want)]
  check(a === b, `${what}: got ${a}, want ${b}`)
}

/** Runs a driver: prints its one JSON line, or says on stderr what went wrong and exits 1. */
export async function run(name, drive) {
  try {
    const seen = await drive()
    console.log(JSON.stringify({ driver: name, ...seen }))
    process.exit(0)
  } catch (error) {
    console.error(`${name}: ${describe(error)}`)
    process.exit(1)
  }
}

function describe(error) {
  const causes = []
  for (let e = error; e; e = e.cause) causes.push(e.stack ?? String(e))
  return causes.join('\n  caused by ')
}

/**
 * The OAuth client state of one MCP client host, in memory. It implements the provider interface of both TypeScript
 * SDKs: registration, PKCE and tokens are done by the SDK, the browser is ours.
 */
export class Host {
  redirectUrl = 'http://127.0.0.1:28490/callback'
  authorizations = 0
  registrations = 0
  saved = 0
  browser = new Browser()
  #client
  #tokens
  #verifier
  #state
  #callback
  #discovery

  get clientMetadata() {
    return {
      client_name: 'End to end',
      redirect_uris: [this.redirectUrl],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
    }
  }

  state() {
    return (this.#state = crypto.randomUUID())
  }

  clientInformation() {
    return this.#client
  }

  saveClientInformation(information) {
    this.registrations++
    this.#client = information
  }

  tokens() {
    return this.#tokens
  }

  saveTokens(tokens) {
    this.saved++
    this.#tokens = tokens
  }

  saveCodeVerifier(verifier) {
    this.#verifier = verifier
  }

  codeVerifier() {
    return this.#verifier
  }

  saveDiscoveryState(state) {
    this.#discovery = state
  }

  discoveryState() {
    return this.#discovery
  }

  invalidateCredentials(scope) {
    if (scope === 'all' || scope === 'client') this.#client = undefined
    if (scope === 'all' || scope === 'tokens') this.#tokens = undefined
    if (scope === 'all' || scope === 'discovery') this.#discovery = undefined
  }

  async redirectToAuthorization(url) {
    this.authorizations++
    this.#callback = await this.browser.drive(url.href, { stop: this.redirectUrl })
  }

  /** The parameters of the authorization response, once it is checked that they are an answer to our request. */
  response() {
    check(this.#callback, 'the client was never sent to the authorization server')
    const answer = this.#callback.searchParams
    check(!answer.get('error'), `the authorization server refused: ${answer.get('error')} ${answer.get('error_description') ?? ''}`)
    equal(answer.getAll('state'), [this.#state], 'state of the authorization response')
    equal(answer.getAll('iss').length, 1, 'number of iss parameters in the authorization response')
    check(answer.get('code'), 'the authorization response holds no code')
    return answer
  }

  /** Makes the access token worthless, as its expiry would: the next call must be saved by the refresh token. */
  spoilAccessToken() {
    const { access_token, refresh_token } = this.#tokens
    check(refresh_token, 'the token response holds no refresh token')
    this.#tokens = { ...this.#tokens, access_token: 'x'.repeat(access_token.length) }
    return refresh_token
  }

  /** What the driver reports of the OAuth side. */
  summary() {
    return {
      registrations: this.registrations,
      authorizations: this.authorizations,
      tokens: this.saved,
      sizes: { client_id: this.#client.client_id.length, access_token: this.#tokens.access_token.length, refresh_token: this.#tokens.refresh_token.length },
      scope: this.#tokens.scope,
      pages: this.browser.pages.length,
    }
  }
}

/** Lists the tools and calls all three, checking every value. `call(name, args)` returns a tools/call result. */
export async function useTools(list, call) {
  const names = (await list()).map(tool => tool.name).sort()
  equal(names, ['echo', 'stock_price', 'sum'], 'names of the tools')
  await callAll(call)
  return names
}

export async function callAll(call) {
  const message = `hello ${crypto.randomUUID()} ü☃`
  equal((await result(call, 'echo', { message })).echoed_message, message, 'echo')
  equal((await result(call, 'sum', { a: 19.5, b: -2 })).result, 17.5, 'sum of 19.5 and -2')
  const stock = await result(call, 'stock_price', { symbol: 'aapl' })
  equal(stock.symbol, 'AAPL', 'symbol of stock_price')
  check(stock.price > 0, `price of stock_price: got ${stock.price}, want a positive number`)
  equal(stock.currency, 'USD', 'currency of stock_price')
  check(!Number.isNaN(Date.parse(stock.last_updated)), `last_updated of stock_price is no time: ${stock.last_updated}`)
}

async function result(call, name, args) {
  const answer = await call(name, args)
  check(!answer.isError, `${name} answers with an error: ${JSON.stringify(answer.content)}`)
  check(answer.content?.[0]?.type === 'text' && answer.content[0].text !== '', `${name} has no text content`)
  check(answer.structuredContent, `${name} has no structured content`)
  return answer.structuredContent
}

/**
 * Lets a test lead: with STEPS set, every line on stdin asks for one more echo, and is answered by a JSON line. A call
 * that falls into the gap of a broken stream is tried again until the deadline, as a person would; the number of tries
 * is reported. It returns when stdin ends.
 */
export async function obeySteps(call) {
  if (!process.env.STEPS) return undefined
  let steps = 0
  console.log(JSON.stringify({ ready: true }))
  for await (const line of createInterface({ input: process.stdin })) {
    const tries = await stubborn(call, `step ${line}`)
    console.log(JSON.stringify({ step: ++steps, tries }))
  }
  return steps
}

async function stubborn(call, message) {
  const deadline = Date.now() + 15_000
  for (let tries = 1; ; tries++) {
    try {
      equal((await result(call, 'echo', { message })).echoed_message, message, 'echo')
      return tries
    } catch (error) {
      if (Date.now() > deadline) throw error
      console.error(`try ${tries} of ${message}: ${error.message}`)
      await new Promise(resolve => setTimeout(resolve, 200))
    }
  }
}
