// A certified OpenID provider with itsme's routes and algorithms, for one client
// given as JSON in argv[2]: {client_id, redirect_uri, jwks_uri, userinfo, aud}.
// It listens on 127.0.0.1 and prints {"issuer":"…"}; it ends when stdin closes.
//
// Nobody sits in front of it: the language asked decides what happens.
//   nl  approved at acr_advanced      fr  approved at acr_basic
//   de  refused                       en  approved as somebody without claims
import http from 'node:http';
import { Provider } from 'oidc-provider';

const want = JSON.parse(process.argv[2]);
const prefix = 'http://itsme.services/v2/claim/';
const people = {
  nl: {
    sub: 'peer-lotte', given_name: 'Lotte', family_name: 'Peeters', birthdate: '1985-07-30',
    [`${prefix}BENationalNumber`]: '85.07.30-033.28',
  },
  en: { sub: 'peer-nobody' },
};
people.fr = people.nl;
const names = Object.keys(people.nl).filter((n) => n !== 'sub');

const server = http.createServer();
await new Promise((done) => server.listen(0, '127.0.0.1', done));
const issuer = `http://127.0.0.1:${server.address().port}/v2`;

const provider = new Provider(issuer, {
  clients: [{
    client_id: want.client_id,
    redirect_uris: [want.redirect_uri],
    response_types: ['code'],
    grant_types: ['authorization_code'],
    token_endpoint_auth_method: 'private_key_jwt',
    token_endpoint_auth_signing_alg: 'RS256',
    jwks_uri: want.jwks_uri,
    id_token_signed_response_alg: 'RS256',
    id_token_encrypted_response_alg: want.alg ?? 'RSA-OAEP-256',
    id_token_encrypted_response_enc: want.enc ?? 'A128CBC-HS256',
    userinfo_signed_response_alg: 'RS256',
    userinfo_encrypted_response_alg: want.alg ?? 'RSA-OAEP-256',
    userinfo_encrypted_response_enc: want.enc ?? 'A128CBC-HS256',
  }],
  acrValues: [`${prefix}acr_basic`, `${prefix}acr_advanced`],
  scopes: ['openid'],
  claims: { openid: ['sub'], unused: names },
  routes: { authorization: '/authorization', token: '/token', userinfo: '/userinfo' },
  features: {
    claimsParameter: { enabled: true },
    encryption: { enabled: true },
    jwtUserinfo: { enabled: true },
    devInteractions: { enabled: false },
  },
  pkce: { required: () => true },
  enabledJWA: {
    idTokenEncryptionAlgValues: ['RSA-OAEP', 'RSA-OAEP-256'],
    idTokenEncryptionEncValues: ['A128CBC-HS256', 'A256CBC-HS512', 'A256GCM'],
    userinfoEncryptionAlgValues: ['RSA-OAEP', 'RSA-OAEP-256'],
    userinfoEncryptionEncValues: ['A128CBC-HS256', 'A256CBC-HS512', 'A256GCM'],
  },
  interactions: { url: (ctx, interaction) => `/v2/interaction/${interaction.uid}` },
  findAccount: (ctx, id) => ({ accountId: id, claims: () => people[id] && { ...people[id], sub: people[id].sub } }),
  cookies: { keys: ['peer'] },
  // The client's keys lie on the loopback, which the default refuses.
  fetch: (url, { dispatcher, ...options }) => globalThis.fetch(url, options),
});
const answer = provider.callback();

async function interaction(req, res) {
  const { params, prompt, grantId } = await provider.interactionDetails(req, res);
  const lang = params.ui_locales;
  if (lang === 'de') {
    return provider.interactionFinished(req, res, { error: 'access_denied', error_description: 'closed by the person' });
  }
  if (prompt.name === 'login') {
    const acr = prefix + (lang === 'fr' ? 'acr_basic' : 'acr_advanced');
    return provider.interactionFinished(req, res, { login: { accountId: lang, acr } });
  }
  const grant = (grantId && await provider.Grant.find(grantId))
    || new provider.Grant({ accountId: lang, clientId: params.client_id });
  grant.addOIDCScope('openid');
  grant.addOIDCClaims(names);
  return provider.interactionFinished(req, res, { consent: { grantId: await grant.save() } });
}

server.on('request', (req, res) => {
  if (req.url.startsWith('/v2/interaction/')) {
    interaction(req, res).catch((err) => { res.statusCode = 500; res.end(String(err)); });
    return;
  }
  if (!req.url.startsWith('/v2/')) {
    res.statusCode = 404;
    res.end();
    return;
  }
  req.originalUrl = req.url;
  req.url = req.url.slice('/v2'.length);
  answer(req, res);
});
provider.on('server_error', (ctx, err) => console.error('peer:', err));
provider.on('grant.error', (ctx, err) => console.error('peer: grant:', err.message, err.error_detail ?? ''));
provider.on('authorization.error', (ctx, err) => console.error('peer: authorization:', err.message, err.error_detail ?? ''));

process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
console.log(JSON.stringify({ issuer }));
