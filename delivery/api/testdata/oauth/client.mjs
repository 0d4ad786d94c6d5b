// Gets a token as any client would, from the issuer's metadata alone, and uses it.
import * as client from 'openid-client'

const { issuer, base, id, alg, kid, pkcs8, scope } = JSON.parse(process.argv[2])
const kinds = { ES256: { name: 'ECDSA', namedCurve: 'P-256' }, PS256: { name: 'RSA-PSS', hash: 'SHA-256' }, EdDSA: { name: 'Ed25519' } }
const key = await crypto.subtle.importKey('pkcs8', Buffer.from(pkcs8, 'base64'), kinds[alg], false, ['sign'])

// The issuer is reached at the address of the test.
const reach = (url, options) => fetch(String(url).replace(issuer, base), options)
const config = await client.discovery(new URL(issuer), id, {}, client.PrivateKeyJwt({ key, kid }), { algorithm: 'oauth2', [client.customFetch]: reach })
const token = await client.clientCredentialsGrant(config, scope ? { scope } : undefined)
const used = await reach(issuer + '/api/v1/keys', { headers: { authorization: 'Bearer ' + token.access_token } })
console.log(JSON.stringify({ type: token.token_type, life: token.expires_in, scope: token.scope, status: used.status, keys: await used.json() }))
