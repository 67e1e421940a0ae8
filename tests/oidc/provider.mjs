// A certified OpenID provider with people and clients of our own: `node provider.mjs '<settings as JSON>'`.
// Settings: port; people: name -> {claims, amr}; redirects, leavings: addresses that may be returned to.
// Prints the address of its description once it listens. Its keys are new at every start.

import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import Provider from 'oidc-provider';

const { port, people, redirects, leavings } = JSON.parse(process.argv[2]);
const issuer = `http://127.0.0.1:${port}`;
const SIGNING = { RS256: ['rsa', { modulusLength: 2048 }], ES256: ['ec', { namedCurve: 'P-256' }] };

function signingKey(alg) {
  const { privateKey } = generateKeyPairSync(...SIGNING[alg]);
  return { ...privateKey.export({ format: 'jwk' }), alg, use: 'sig' };
}

function client(id, more) {
  return {
    client_id: id,
    client_secret: `secret-of-${id}`,
    redirect_uris: redirects,
    post_logout_redirect_uris: leavings,
    response_types: ['code'],
    grant_types: ['authorization_code'],
    ...more,
  };
}

async function grantOf(ctx) {
  const { client: asking, session, provider, params } = ctx.oidc;
  const grant = new provider.Grant({ clientId: asking.clientId, accountId: session.accountId });
  grant.addOIDCScope(params.scope);
  await grant.save();
  return grant;
}

const provider = new Provider(issuer, {
  clients: [
    client('whistle'),
    client('whistle-es256', { id_token_signed_response_alg: 'ES256' }),
    client('whistle-post', { token_endpoint_auth_method: 'client_secret_post' }),
    client('whistle-public', { token_endpoint_auth_method: 'none', client_secret: undefined }),
    client('another'),
  ],
  jwks: { keys: [signingKey('RS256'), signingKey('ES256')] },
  claims: {
    openid: ['sub', 'acr', 'amr'],
    profile: ['name', 'preferred_username'],
    duty: ['groups', 'whistle_scope', 'whistle_part'],
  },
  clientAuthMethods: ['client_secret_basic', 'client_secret_post', 'none'],
  enabledJWA: { idTokenSigningAlgValues: ['RS256', 'ES256'] },
  pkce: { required: () => true },
  features: { devInteractions: { enabled: false } },
  interactions: { url: (ctx, interaction) => `/interaction/${interaction.uid}` },
  loadExistingGrant: grantOf,
  cookies: { keys: ['a key of the tests'] },
  ttl: { AccessToken: 60, AuthorizationCode: 60, Grant: 600, IdToken: 300, Interaction: 600, Session: 600 },
  findAccount: async (ctx, id) =>
    people[id] && { accountId: id, claims: async () => ({ sub: id, ...people[id].claims }) },
});

async function asked(request) {
  const parts = [];
  for await (const part of request) parts.push(part);
  return new URLSearchParams(Buffer.concat(parts).toString());
}

async function signIn(request, response) {
  if (request.method === 'POST') {
    const form = await asked(request);
    const id = form.get('login');
    const result = people[id]
      ? { login: { accountId: id, amr: people[id].amr ?? ['pwd'] } }
      : { error: 'access_denied', error_description: 'nobody of this name' };
    return provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
  }
  const { uid } = await provider.interactionDetails(request, response);
  response.setHeader('Content-Type', 'text/html');
  return response.end(`<form method="post" action="/interaction/${uid}"><input name="login"></form>`);
}

const rest = provider.callback();
createServer((request, response) => {
  if (!request.url.startsWith('/interaction/')) return rest(request, response);
  return signIn(request, response).catch((error) => {
    response.statusCode = 400;
    response.end(String(error));
  });
}).listen(port, '127.0.0.1', () => console.log(`${issuer}/.well-known/openid-configuration`));
