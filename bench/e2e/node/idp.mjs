// An identity provider of the company's own: panva's certified oidc-provider with two users. It gives name and email
// at its userinfo endpoint only, never in the ID token, as many providers do.
//
//   PORT         where it listens (127.0.0.1), and its issuer http://127.0.0.1:PORT
//   RP_REDIRECT  the relying party's redirect URIs, separated by commas
//   PKCE=1       PKCE is required
//   AUTHM        how the relying party must authenticate at the token endpoint (default client_secret_basic)
//   LISTED       the methods the metadata lists, separated by commas (default AUTHM)
//   ISSUER       the issuer, when a front stands before it
import { createServer } from 'node:http'
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import Provider from 'oidc-provider'

const port = Number(process.env.PORT)
const issuer = process.env.ISSUER ?? `http://127.0.0.1:${port}`
const authMethod = process.env.AUTHM ?? 'client_secret_basic'
const users = {
  alice: { name: 'Alice Example', email: 'alice@example.com', email_verified: true },
  bob: { name: 'Bob Example', email: 'bob@example.com', email_verified: false },
}

const signingKey = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' })

const provider = new Provider(issuer, {
  clients: [{
    client_id: 'gw',
    client_secret: 'gw-secret-gw-secret-gw-secret-0123',
    redirect_uris: process.env.RP_REDIRECT.split(','),
    response_types: ['code'],
    grant_types: ['authorization_code'],
    token_endpoint_auth_method: authMethod,
  }],
  clientAuthMethods: process.env.LISTED?.split(',') ?? [authMethod],
  pkce: { required: () => process.env.PKCE === '1' },
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
  findAccount: (_, id) => users[id] && { accountId: id, claims: () => ({ sub: id, ...users[id] }) },
  features: { devInteractions: { enabled: false } },
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  jwks: { keys: [{ ...signingKey, kid: 'e2e', use: 'sig', alg: 'RS256' }] },
  cookies: { keys: [randomBytes(32).toString('hex')] },
  ttl: { AccessToken: 300, AuthorizationCode: 60, IdToken: 300, Interaction: 600, Session: 3600, Grant: 3600 },
})
provider.proxy = Boolean(process.env.ISSUER)

const page = (title, body) => `<!doctype html><html lang="en"><meta charset="utf-8"><title>${title}</title><h1>${title}</h1>${body}`
const loginPage = page('Sign in to Example Corp', `<form method="post">
  <input type="hidden" name="prompt" value="login">
  <label>Login <input name="login" autocomplete="username" required></label>
  <label>Password <input name="password" type="password" autocomplete="current-password" required></label>
  <button type="submit">Sign in</button></form>`)
const consentPage = page('Example Corp asks', `<form method="post">
  <input type="hidden" name="prompt" value="consent"><button type="submit">Continue</button></form>`)

async function formBody(req) {
  let body = ''
  for await (const chunk of req) body += chunk
  return new URLSearchParams(body)
}

async function grantFor({ grantId, params, session, prompt }) {
  const grant = grantId ? await provider.Grant.find(grantId) : new provider.Grant({ accountId: session.accountId, clientId: params.client_id })
  if (prompt.details.missingOIDCScope) grant.addOIDCScope(prompt.details.missingOIDCScope.join(' '))
  if (prompt.details.missingOIDCClaims) grant.addOIDCClaims(prompt.details.missingOIDCClaims)
  return grant.save()
}

async function interaction(req, res) {
  const details = await provider.interactionDetails(req, res)
  if (req.method !== 'POST') {
    res.setHeader('content-type', 'text/html; charset=utf-8')
    return res.end(details.prompt.name === 'login' ? loginPage : consentPage)
  }
  const form = await formBody(req)
  if (details.prompt.name === 'consent') {
    return provider.interactionFinished(req, res, { consent: { grantId: await grantFor(details) } }, { mergeWithLastSubmission: true })
  }
  const login = form.get('login')
  if (!users[login] || form.get('password') !== login) {
    res.statusCode = 401
    return res.end(page('Sign in to Example Corp', '<p>Wrong login or password.'))
  }
  return provider.interactionFinished(req, res, { login: { accountId: login } })
}

const oidc = provider.callback()
createServer((req, res) => {
  if (!req.url.startsWith('/interaction/')) return oidc(req, res)
  interaction(req, res).catch(error => {
    res.statusCode = 400
    res.end(page('Error', error.name))
  })
}).listen(port, '127.0.0.1', () => console.log(`provider listens at ${issuer}`))
