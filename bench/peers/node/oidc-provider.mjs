// panva's oidc-provider with its in-memory adapter, one public client with PKCE, JWT access tokens with ES256 and
// opaque refresh tokens. A request costs it look-ups of client, grant and code, S256, one ES256 signature and the
// storing of the tokens. No ID token is asked for: the scope is not openid.
//
//   node oidc-provider.mjs ADDR ADMIN
import { createServer } from 'node:http'
import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto'
import Provider from 'oidc-provider'
import { address, admin } from './admin.mjs'

const [, , addr, adminAddr] = process.argv
const issuer = `http://${addr}`
const clientId = 'bench-client'
const redirectUri = 'http://127.0.0.1:33418/callback'
const verifier = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk'
const challenge = createHash('sha256').update(verifier).digest('base64url')
const resource = `${issuer}/sse`
const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' })

// Adapter is a Map. The one the package brings is a small LRU cache, which would forget the prepared codes.
class Adapter {
  static rows = new Map()
  static byGrant = new Map()
  constructor(name) { this.name = name }
  row(id) { return `${this.name}:${id}` }
  async upsert(id, payload) {
    Adapter.rows.set(this.row(id), payload)
    if (!payload.grantId) return
    if (!Adapter.byGrant.has(payload.grantId)) Adapter.byGrant.set(payload.grantId, [])
    Adapter.byGrant.get(payload.grantId).push(this.row(id))
  }
  async find(id) { return Adapter.rows.get(this.row(id)) }
  async findByUid() {}
  async findByUserCode() {}
  async consume(id) { Adapter.rows.get(this.row(id)).consumed = Math.floor(Date.now() / 1000) }
  async destroy(id) { Adapter.rows.delete(this.row(id)) }
  async revokeByGrantId(grant) {
    for (const row of Adapter.byGrant.get(grant) ?? []) Adapter.rows.delete(row)
    Adapter.byGrant.delete(grant)
  }
}

const provider = new Provider(issuer, {
  adapter: Adapter,
  clients: [{
    client_id: clientId, redirect_uris: [redirectUri], response_types: ['code'], application_type: 'native',
    grant_types: ['authorization_code', 'refresh_token'], token_endpoint_auth_method: 'none', id_token_signed_response_alg: 'ES256',
  }],
  scopes: ['mcp:tools', 'offline_access'],
  pkce: { required: () => true },
  issueRefreshToken: async () => true,
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  features: {
    devInteractions: { enabled: false },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => resource,
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({ scope: 'mcp:tools', audience: resource, accessTokenFormat: 'jwt', accessTokenTTL: 600, jwt: { sign: { alg: 'ES256' } } }),
    },
  },
  jwks: { keys: [{ ...key, kid: 'bench', use: 'sig', alg: 'ES256' }] },
  cookies: { keys: [randomBytes(32).toString('hex')] },
  ttl: { AccessToken: 600, AuthorizationCode: 600, RefreshToken: 604800, Grant: 604800, Session: 604800 },
})

// codeForm makes a grant and a code of it, as a finished interaction does.
async function codeForm(i) {
  const accountId = `user-${i}`
  const client = await provider.Client.find(clientId)
  const grant = new provider.Grant({ accountId, clientId })
  grant.addResourceScope(resource, 'mcp:tools')
  const code = new provider.AuthorizationCode({
    accountId, client, redirectUri, resource, scope: 'mcp:tools', grantId: await grant.save(),
    codeChallenge: challenge, codeChallengeMethod: 'S256',
  })
  return new URLSearchParams({
    grant_type: 'authorization_code', client_id: clientId, code: await code.save(), code_verifier: verifier, redirect_uri: redirectUri,
  }).toString()
}

admin(adminAddr, async (n) => {
  const lines = []
  for (let i = 0; i < n; i++) lines.push(await codeForm(i))
  return lines
})
const { host, port } = address(addr)
const server = createServer(provider.callback())
server.keepAliveTimeout = 600_000
server.listen(port, host)
