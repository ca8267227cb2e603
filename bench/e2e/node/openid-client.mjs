// node openid-client.mjs ISSUER RESOURCE: panva's certified relying party. It checks every answer of the
// authorization server for conformance: metadata, registration response, iss, token response.
import * as oauth from 'openid-client'
import { Browser } from './browser.mjs'
import { callAll, check, equal, run, useTools } from './common.mjs'
import { rawClient } from './rawmcp.mjs'

const [issuer, resource] = process.argv.slice(2)
const redirectUri = 'http://127.0.0.1:28491/callback'

await run('openid-client', async () => {
  const config = await oauth.dynamicClientRegistration(new URL(issuer), {
    client_name: 'openid-client', redirect_uris: [redirectUri], grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'], token_endpoint_auth_method: 'none',
  }, oauth.None(), { algorithm: 'oauth2', execute: [oauth.allowInsecureRequests] })

  const [verifier, state, browser] = [oauth.randomPKCECodeVerifier(), oauth.randomState(), new Browser()]
  const request = oauth.buildAuthorizationUrl(config, {
    redirect_uri: redirectUri, scope: 'mcp:tools', resource, state,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256',
  })
  const answer = await browser.drive(request.href, { stop: redirectUri })
  const tokens = await oauth.authorizationCodeGrant(config, answer, { pkceCodeVerifier: verifier, expectedState: state }, { resource })
  equal(tokens.scope, 'mcp:tools', 'granted scope')
  check(tokens.expires_in > 0, 'the token response holds no expires_in')

  const mcp = rawClient(sender(config, tokens.access_token))
  await mcp.initialize()
  const tools = await useTools(mcp.list, mcp.call)

  const fresh = await oauth.refreshTokenGrant(config, tokens.refresh_token, { resource })
  check(fresh.refresh_token && fresh.refresh_token !== tokens.refresh_token, 'the refresh token was not rotated')
  check(fresh.access_token !== tokens.access_token, 'the access token was not renewed')
  const renewed = rawClient(sender(config, fresh.access_token))
  await renewed.initialize()
  await callAll(renewed.call)
  return { tools, pages: browser.pages.length, scope: fresh.scope }
})

function sender(config, token) {
  return (body, headers) => oauth.fetchProtectedResource(config, token, new URL(resource), 'POST', body, new Headers(headers))
}
