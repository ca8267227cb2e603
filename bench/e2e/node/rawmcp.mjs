// The few lines of Streamable HTTP (revision 2025-11-25) that the OAuth libraries without an MCP client need: they
// bring the token, this speaks JSON-RPC with it.
import { check, equal } from './common.mjs'

/** `send(body, headers)` posts to the MCP endpoint with a bearer token and returns a fetch Response. */
export function rawClient(send) {
  let id = 0
  const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' }

  async function request(method, params) {
    const response = await send(JSON.stringify({ jsonrpc: '2.0', id: ++id, method, params }), headers)
    equal(response.status, 200, `status of ${method}`)
    const answer = await message(response)
    equal([answer.jsonrpc, answer.id], ['2.0', id], `envelope of the answer to ${method}`)
    check(!answer.error, `${method} answers with an error: ${JSON.stringify(answer.error)}`)
    return { result: answer.result, session: response.headers.get('mcp-session-id') }
  }

  return {
    async initialize() {
      const { result, session } = await request('initialize', {
        protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'e2e-raw', version: '1.0.0' },
      })
      equal(result.protocolVersion, '2025-11-25', 'protocol revision of initialize')
      headers['mcp-protocol-version'] = result.protocolVersion
      if (session) headers['mcp-session-id'] = session
      const done = await send(JSON.stringify({ jsonrpc: '2.0', method: 'notifications/initialized' }), headers)
      equal(done.status, 202, 'status of notifications/initialized')
    },
    list: async () => (await request('tools/list')).result.tools,
    call: async (name, args) => (await request('tools/call', { name, arguments: args })).result,
  }
}

async function message(response) {
  const body = await response.text()
  if (response.headers.get('content-type').startsWith('application/json')) return JSON.parse(body)
  return JSON.parse(body.split('\n').filter(line => line.startsWith('data:')).map(line => line.slice(5)).join('\n'))
}
