// A certified OpenID provider with itsme's routes and algorithms, for one client
// given as JSON in argv[2]: {client_id, redirect_uri, jwks_uri, alg, enc, plain,
// acr, low}. With plain its tokens are signed and not encrypted. It takes request
// objects that are signed and encrypted to it, shows nobody their text, and says
// in the id_token which text was approved. It listens on 127.0.0.1 and prints {"issuer":"…"}; it ends when stdin closes.
//
// Nobody sits in front of it: the language asked decides what happens.
//   nl  approved at acr               fr  approved at low
//   de  refused                       en  approved as somebody without claims
import http from 'node:http';
import { exportJWK, generateKeyPair } from 'jose';
import { Provider } from 'oidc-provider';

const want = JSON.parse(process.argv[2]);
const prefix = 'http://itsme.services/v2/claim/';
const people = {
  nl: {
    sub: 'peer-lotte', given_name: 'Lotte', family_name: 'Peeters', birthdate: '1985-07-30',
    [`${prefix}BENationalNumber`]: '85.07.30-033.28',
    givenName: 'Lotte', surname: 'Peeters', egovNRN: '85073003328', // as FAS calls them
  },
  en: { sub: 'peer-nobody' },
};
people.fr = people.nl;
const approval = [`${prefix}claim_approval_template_name`, `${prefix}claim_approval_text_key`];
const names = [...Object.keys(people.nl).filter((n) => n !== 'sub'), ...approval];
const high = want.acr ?? `${prefix}acr_advanced`;
const low = want.low ?? `${prefix}acr_basic`;

// What was approved is what the request asked to show.
function approved(asked) {
  return Object.fromEntries(approval.filter((n) => asked?.[n]).map((n) => [n, asked[n].value]));
}

async function key(use, alg) {
  const { privateKey } = await generateKeyPair(alg, { extractable: true });
  return { ...await exportJWK(privateKey), use, kid: `peer-${use}` };
}
const encrypted = (alg, enc) => (want.plain ? {} : {
  id_token_encrypted_response_alg: alg,
  id_token_encrypted_response_enc: enc,
  userinfo_encrypted_response_alg: alg,
  userinfo_encrypted_response_enc: enc,
});

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
    userinfo_signed_response_alg: 'RS256',
    request_object_signing_alg: 'RS256',
    ...encrypted(want.alg ?? 'RSA-OAEP-256', want.enc ?? 'A128CBC-HS256'),
  }],
  acrValues: [low, high],
  jwks: { keys: [await key('sig', 'RS256'), await key('enc', 'RSA-OAEP-256')] },
  scopes: ['openid'],
  claims: { openid: ['sub'], unused: names },
  routes: { authorization: '/authorization', token: '/token', userinfo: '/userinfo' },
  features: {
    claimsParameter: { enabled: true },
    encryption: { enabled: true },
    jwtUserinfo: { enabled: true },
    requestObjects: { enabled: true },
    devInteractions: { enabled: false },
  },
  pkce: { required: () => true },
  enabledJWA: {
    idTokenEncryptionAlgValues: ['RSA-OAEP', 'RSA-OAEP-256'],
    idTokenEncryptionEncValues: ['A128CBC-HS256', 'A256CBC-HS512', 'A256GCM'],
    requestObjectEncryptionAlgValues: ['RSA-OAEP-256'],
    requestObjectEncryptionEncValues: ['A128CBC-HS256'],
    userinfoEncryptionAlgValues: ['RSA-OAEP', 'RSA-OAEP-256'],
    userinfoEncryptionEncValues: ['A128CBC-HS256', 'A256CBC-HS512', 'A256GCM'],
  },
  interactions: { url: (ctx, interaction) => `/v2/interaction/${interaction.uid}` },
  findAccount: (ctx, id) => ({ accountId: id, claims: (use, scope, asked) => people[id] && { ...people[id], ...approved(asked) } }),
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
    return provider.interactionFinished(req, res, { login: { accountId: lang, acr: lang === 'fr' ? low : high } });
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
