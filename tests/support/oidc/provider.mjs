// The OpenID provider that the tests sign in at: panva's oidc-provider with people, passwords and groups.
//
// Started by tests/support/oidc_provider.py as `node provider.mjs FOLDER`; FOLDER holds node_modules. The first line
// of standard input is the settings, each later line the people from then on, both JSON; each line is answered with one
// line of JSON on standard output. When standard input ends, the program ends: nothing stays when a test is killed.

import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

const LIFETIME = 3600; // seconds, of every token, sign-in and consent
const LIVED = ['AccessToken', 'AuthorizationCode', 'Grant', 'IdToken', 'Interaction', 'RefreshToken', 'Session'];
const CLAIMS = {
  openid: ['sub'],
  profile: ['name', 'preferred_username'],
  email: ['email', 'email_verified'],
  groups: ['groups'],
};

console.info = console.error; // standard output is for the answers
const folder = createRequire(`${process.argv[2]}/package.json`);
const { default: Provider } = await import(pathToFileURL(folder.resolve('oidc-provider')));

let people = [];
const answer = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);

async function start(settings) {
  const server = createServer();
  await new Promise((listening, failed) => {
    server.once('error', failed);
    server.listen(settings.port, settings.host, listening);
  });
  const issuer = `http://${settings.host}:${server.address().port}`;
  const provider = new Provider(issuer, configuration(settings));
  provider.on('server_error', (_, error) => console.error(error));
  const serve = provider.callback();
  server.on('request', (request, response) => {
    if (!request.url.startsWith('/interaction/')) {
      serve(request, response);
      return;
    }
    interact(provider, request, response).catch((error) => {
      console.error(error);
      show(response, error.status ?? 500, `<h1>Signing in failed</h1><p>${safe(error.message)}</p>`);
    });
  });
  answer({ issuer });
}

function configuration(settings) {
  return {
    claims: CLAIMS,
    clients: settings.clients.map(registration),
    conformIdTokenClaims: !settings.groups_in_id_token,
    cookies: {
      keys: [randomBytes(32).toString('hex')],
      names: { session: 'provider_session', interaction: 'provider_interaction', resume: 'provider_resume' },
    },
    features: { devInteractions: { enabled: false } },
    findAccount: (_, subject) => account(subject),
    interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
    jwks: { keys: [signingKey()] },
    pkce: { required: () => true },
    responseTypes: ['code'],
    renderError: (ctx, out) => {
      ctx.type = 'text/plain';
      ctx.body = `${out.error}: ${out.error_description}`;
    },
    ttl: Object.fromEntries(LIVED.map((kind) => [kind, LIFETIME])),
  };
}

// A client without a secret is a program on a person's machine: its loopback redirect may use any port (RFC 8252, 7.3).
function registration(client) {
  const common = {
    client_id: client.id,
    grant_types: ['authorization_code', 'refresh_token'],
    post_logout_redirect_uris: client.after_sign_out,
    redirect_uris: client.redirect_uris,
    response_types: ['code'],
  };
  return client.secret === null
    ? { ...common, application_type: 'native', token_endpoint_auth_method: 'none' }
    : { ...common, client_secret: client.secret };
}

function signingKey() {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { ...privateKey.export({ format: 'jwk' }), alg: 'RS256', kid: randomBytes(8).toString('hex'), use: 'sig' };
}

function account(subject) {
  const person = people.find((one) => one.subject === subject);
  return person && {
    accountId: subject,
    claims: () => ({
      sub: subject,
      name: person.name,
      preferred_username: person.name,
      email: `${person.name}@example.com`,
      email_verified: true,
      groups: person.groups,
    }),
  };
}

async function interact(provider, request, response) {
  const asked = await provider.interactionDetails(request, response);
  const signingIn = asked.prompt.name === 'login';
  if (request.method !== 'POST') {
    show(response, 200, signingIn ? loginPage('') : consentPage(asked.params));
    return;
  }
  const form = await read(request);
  if (form.get('answer') === 'cancel') {
    const refusal = { error: 'access_denied', error_description: 'the person cancelled' };
    await provider.interactionFinished(request, response, refusal);
    return;
  }
  if (!signingIn) {
    const grantId = await consent(provider, asked);
    await provider.interactionFinished(request, response, { consent: { grantId } }, { mergeWithLastSubmission: true });
    return;
  }
  const person = people.find((one) => one.name === form.get('name') && one.password === form.get('password'));
  if (!person) {
    show(response, 401, loginPage('Wrong name or password.'));
    return;
  }
  await provider.interactionFinished(request, response, { login: { accountId: person.subject } });
}

async function consent(provider, { grantId, params, prompt, session }) {
  const grant = grantId
    ? await provider.Grant.find(grantId)
    : new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  if (prompt.details.missingOIDCScope) grant.addOIDCScope(prompt.details.missingOIDCScope.join(' '));
  if (prompt.details.missingOIDCClaims) grant.addOIDCClaims(prompt.details.missingOIDCClaims);
  return grant.save();
}

async function read(request) {
  const parts = [];
  for await (const part of request) parts.push(part);
  return new URLSearchParams(Buffer.concat(parts).toString());
}

const safe = (text) => String(text).replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);

const loginPage = (complaint) => `<h1>Sign in</h1>
  <p role="alert">${safe(complaint)}</p>
  <form method="post">
    <p><label>Name <input name="name" autocomplete="username" required autofocus></label></p>
    <p><label>Password <input name="password" type="password" autocomplete="current-password" required></label></p>
    <button name="answer" value="continue">Sign in</button>
    <button name="answer" value="cancel" formnovalidate>Cancel</button>
  </form>`;

const consentPage = ({ client_id: client, scope }) => `<h1>Allow ${safe(client)}</h1>
  <p>${safe(client)} asks for: ${safe(scope)}.</p>
  <form method="post">
    <button name="answer" value="continue">Allow</button>
    <button name="answer" value="cancel">Cancel</button>
  </form>`;

function show(response, status, body) {
  response.writeHead(status, { 'Cache-Control': 'no-store', 'Content-Type': 'text/html; charset=utf-8' });
  response.end(`<!doctype html><html lang="en"><title>Sign in</title><body>${body}</body></html>`);
}

let started = false;
const input = createInterface({ input: process.stdin });
input.on('close', () => process.exit(0));
input.on('line', async (line) => {
  const given = JSON.parse(line);
  people = given.people;
  if (started) {
    answer({ people: people.length });
    return;
  }
  started = true;
  await start(given);
});
