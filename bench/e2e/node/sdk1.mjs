// node sdk1.mjs URL http|sse: the first TypeScript SDK, through its own OAuth client.
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { UnauthorizedError } from '@modelcontextprotocol/sdk/client/auth.js'
import { CALL_TIMEOUT, Host, check, equal, obeySteps, run, useTools } from './common.mjs'

const [url, kind = 'http'] = process.argv.slice(2)
const Transport = { http: StreamableHTTPClientTransport, sse: SSEClientTransport }[kind]

await run(`sdk1 ${kind}`, async () => {
  const host = new Host()
  const open = () => new Transport(new URL(url), { authProvider: host })
  const first = open()
  const stranger = await newClient().connect(first).catch(error => error)
  check(stranger instanceof UnauthorizedError, `connecting without a token: got ${stranger}, want UnauthorizedError`)
  await first.finishAuth(host.response().get('code'))

  const client = newClient()
  const transport = open()
  await client.connect(transport)
  const call = (name, args) => client.callTool({ name, arguments: args }, undefined, { timeout: CALL_TIMEOUT })
  const tools = await useTools(async () => (await client.listTools()).tools, call)

  const spent = host.spoilAccessToken()
  equal((await call('sum', { a: 1, b: 2 })).structuredContent.result, 3, 'sum after the refresh')
  equal(host.saved, 2, 'token responses, the refresh included')
  check(host.tokens().refresh_token !== spent, 'the refresh token was not rotated')

  const steps = await obeySteps(call)
  equal(host.authorizations, 1, 'number of logins')
  const seen = { protocol: transport.protocolVersion ?? transport._protocolVersion, server: client.getServerVersion()?.name, tools, steps, ...host.summary() }
  await client.close()
  return seen
})

function newClient() {
  return new Client({ name: 'e2e-sdk1', version: '1.0.0' })
}
