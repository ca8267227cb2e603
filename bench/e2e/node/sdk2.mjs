// node sdk2.mjs URL http-legacy|http-auto|http-modern|sse: the second TypeScript client, which knows the stateless
// revision 2026-07-28 and checks issuer and iss strictly.
import { Client, SSEClientTransport, StreamableHTTPClientTransport, UnauthorizedError } from '@modelcontextprotocol/client'
import { CALL_TIMEOUT, Host, check, equal, obeySteps, run, useTools } from './common.mjs'

const MODERN = '2026-07-28'
const [url, kind = 'http-auto'] = process.argv.slice(2)
const modes = {
  'http-legacy': { Transport: StreamableHTTPClientTransport, negotiation: { mode: 'legacy' }, revision: '2025-11-25' },
  'http-auto': { Transport: StreamableHTTPClientTransport, negotiation: { mode: 'auto' }, revision: MODERN },
  'http-modern': { Transport: StreamableHTTPClientTransport, negotiation: { mode: { pin: MODERN } }, revision: MODERN },
  sse: { Transport: SSEClientTransport, negotiation: { mode: 'legacy' } },
}
const { Transport, negotiation, revision } = modes[kind]

await run(`sdk2 ${kind}`, async () => {
  const host = new Host()
  const open = () => new Transport(new URL(url), { authProvider: host })
  const first = open()
  const stranger = await newClient().connect(first).catch(error => error)
  check(stranger instanceof UnauthorizedError, `connecting without a token: got ${stranger}, want UnauthorizedError`)
  await first.finishAuth(host.response())

  const client = newClient()
  await client.connect(open())
  const protocol = client.getNegotiatedProtocolVersion?.()
  if (revision) equal(protocol, revision, 'negotiated protocol revision')
  const call = (name, args) => client.callTool({ name, arguments: args }, { timeout: CALL_TIMEOUT })
  const tools = await useTools(async () => (await client.listTools()).tools, call)

  const spent = host.spoilAccessToken()
  equal((await call('sum', { a: 1, b: 2 })).structuredContent.result, 3, 'sum after the refresh')
  equal(host.saved, 2, 'token responses, the refresh included')
  check(host.tokens().refresh_token !== spent, 'the refresh token was not rotated')

  const steps = await obeySteps(call)
  equal(host.authorizations, 1, 'number of logins')
  const seen = { protocol, server: client.getServerVersion()?.name, tools, steps, ...host.summary() }
  await client.close()
  return seen
})

function newClient() {
  return new Client({ name: 'e2e-sdk2', version: '1.0.0' }, { versionNegotiation: negotiation })
}
