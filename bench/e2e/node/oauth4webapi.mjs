// node oauth4webapi.mjs RESOURCE: starts where a client that knows nothing but the MCP URL starts, at the challenge,
// and validates each document on the way with panva's low-level library.
import * as oauth from 'oauth4webapi'
import { Browser } from './browser.mjs'
import { callAll, check, equal, run, useTools } from './common.mjs'
import { rawClient } from './rawmcp.mjs'

const resource = new URL(process.argv[2])
const redirectUri = 'http://127.0.0.1:28492/callback'
const options = { [oauth.allowInsecureRequests]: true }

await run('oauth4webapi', async () => {
  const challenge = await challenged(undefined)
  const prm = await oauth.resourceDiscoveryRequest(resource, options)
    .then(response => oauth.processResourceDiscoveryResponse(resource, response))
  equal((await (await fetch(challenge.resource_metadata)).json()).resource, prm.resource, 'resource of the challenge\'s document')
  const issuer = new URL(prm.authorization_servers[0])
  const as = await oauth.discoveryRequest(issuer, { ...options, algorithm: 'oauth2' })
    .then(response => oauth.processDiscoveryResponse(issuer, response))
  equal(as.issuer, prm.authorization_servers[0], 'issuer, byte for byte')

  const client = await oauth.dynamicClientRegistrationRequest(as, {
    client_name: 'oauth4webapi', redirect_uris: [redirectUri], token_endpoint_auth_method: 'none',
    grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'],
  }, options).then(response => oauth.processDynamicClientRegistrationResponse(response))

  const [verifier, state, browser] = [oauth.generateRandomCodeVerifier(), oauth.generateRandomState(), new Browser()]
  const request = new URL(as.authorization_endpoint)
  request.search = new URLSearchParams({
    response_type: 'code', client_id: client.client_id, redirect_uri: redirectUri, state, resource: prm.resource,
    scope: prm.scopes_supported.join(' '), code_challenge_method: 'S256',
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
  })
  const answer = oauth.validateAuthResponse(as, client, await browser.drive(request.href, { stop: redirectUri }), state)
  const exchange = await oauth.authorizationCodeGrantRequest(as, client, oauth.None(), answer, redirectUri, verifier,
    { ...options, additionalParameters: { resource: prm.resource } })
  equal(exchange.headers.get('cache-control'), 'no-store', 'Cache-Control of the token response')
  const tokens = await oauth.processAuthorizationCodeResponse(as, client, exchange)

  const mcp = rawClient(sender(tokens.access_token))
  await mcp.initialize()
  const tools = await useTools(mcp.list, mcp.call)
  await challenged('x'.repeat(tokens.access_token.length))

  const fresh = await oauth.refreshTokenGrantRequest(as, client, oauth.None(), tokens.refresh_token, options)
    .then(response => oauth.processRefreshTokenResponse(as, client, response))
  check(fresh.refresh_token && fresh.refresh_token !== tokens.refresh_token, 'the refresh token was not rotated')
  const renewed = rawClient(sender(fresh.access_token))
  await renewed.initialize()
  await callAll(renewed.call)
  return { tools, pages: browser.pages.length, scope: fresh.scope }
})

function sender(token) {
  return (body, headers) => oauth.protectedResourceRequest(token, 'POST', resource, new Headers(headers), body, options)
}

/** Asks without a token, or with a worthless one, and returns the parameters of the Bearer challenge it must meet. */
async function challenged(token) {
  const headers = token ? { authorization: `Bearer ${token}` } : {}
  const response = await fetch(resource, { method: 'POST', headers, body: '{}' })
  await response.body?.cancel()
  equal(response.status, 401, 'status without a good token')
  const header = response.headers.get('www-authenticate') ?? ''
  const parameters = Object.fromEntries([...header.matchAll(/(\w+)="([^"]*)"/g)].map(([, name, value]) => [name, value]))
  check(header.startsWith('Bearer ') && parameters.resource_metadata, `challenge names no resource_metadata: ${header}`)
  equal(parameters.error, token ? 'invalid_token' : undefined, 'error of the challenge')
  return parameters
}
