// @modelcontextprotocol/sdk as its example has a stateless server: express, a server and a transport for each request,
// its own requireBearerAuth over a Map of tokens, JSON answers.
//
//   node sdk.mjs ADDR ADMIN
import { randomBytes } from 'node:crypto'
import express from 'express'
import * as z from 'zod/v4'
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import { requireBearerAuth } from '@modelcontextprotocol/sdk/server/auth/middleware/bearerAuth.js'
import { InvalidTokenError } from '@modelcontextprotocol/sdk/server/auth/errors.js'
import { address, admin } from './admin.mjs'

const [, , addr, adminAddr] = process.argv
const tokens = new Map()

function newServer() {
  const server = new McpServer({ name: 'bench', version: '0' })
  server.registerTool('echo', {
    description: 'Sends a message back unchanged.',
    inputSchema: { message: z.string().describe('the text to send back') },
    outputSchema: { echoed_message: z.string() },
  }, async ({ message }) => ({ content: [{ type: 'text', text: `Echo: ${message}` }], structuredContent: { echoed_message: message } }))
  return server
}

const verifier = {
  async verifyAccessToken(token) {
    const info = tokens.get(token)
    if (!info) throw new InvalidTokenError('unknown token')
    return info
  },
}

const app = express()
app.use(express.json())
app.post('/mcp', requireBearerAuth({ verifier, requiredScopes: ['mcp:tools'] }), async (req, res) => {
  const server = newServer()
  const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined, enableJsonResponse: true })
  res.on('close', () => {
    transport.close()
    server.close()
  })
  await server.connect(transport)
  await transport.handleRequest(req, res, req.body)
})

admin(adminAddr, (n) => Array.from({ length: n }, (_, i) => {
  const token = randomBytes(32).toString('base64url')
  tokens.set(token, { token, clientId: 'bench-client', scopes: ['mcp:tools'], expiresAt: Math.floor(Date.now() / 1000) + 86400, extra: { sub: `user-${i}` } })
  return token
}))
const { host, port } = address(addr)
const server = app.listen(port, host)
server.keepAliveTimeout = 600_000
