// Serves the client credentials grant, the device flow and refresh tokens that
// work once, on a free loopback port, and prints its address. A POST of
// user_code to /person is the person who types the code and allows it. It ends
// when its standard input does.
import http from 'node:http';
import { Provider } from 'oidc-provider';

const client = (client_id, client_secret, token_endpoint_auth_method) => ({
  client_id,
  client_secret,
  token_endpoint_auth_method,
  grant_types: ['client_credentials'],
  redirect_uris: [],
  response_types: [],
  scope: 'leitura',
});

const device = (client_id, client_secret) => ({
  client_id,
  client_secret,
  grant_types: ['urn:ietf:params:oauth:grant-type:device_code', 'refresh_token'],
  redirect_uris: [],
  response_types: [],
  scope: 'openid leitura offline_access',
});

// The person: types the code of a device, and allows all that it asks for.
const allow = async (provider, userCode) => {
  const code = await provider.DeviceCode.findByUserCode(userCode.replace(/[^A-Z0-9]/g, ''), { ignoreExpiration: true });
  const grant = new provider.Grant({ clientId: code.clientId, accountId: 'ana' });
  grant.addOIDCScope(code.params.scope || 'openid');
  Object.assign(code, { accountId: 'ana', grantId: await grant.save(), scope: code.params.scope || 'openid', authTime: Math.floor(Date.now() / 1000) });
  await code.save();
};

const server = http.createServer();
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [
      client('3ca8a98d907543812334f7f5dbafca6505e3319fb', '00112233445566778899aabbccddeeff', 'client_secret_basic'),
      client('plus', 'a+b', 'client_secret_basic'),
      client('awkward:id +%', 's3cr+et:x =%/&ok', 'client_secret_basic'),
      client('body id +%', 's3cr+et:x =%/&ok', 'client_secret_post'),
      device('kiosk', 's3cr+et:x =%/&ok'),
    ],
    findAccount: (ctx, sub) => ({ accountId: sub, claims: () => ({ sub }) }),
    issueRefreshToken: (ctx, of) => of.grantTypeAllowed('refresh_token'),
    rotateRefreshToken: true,
    scopes: ['openid', 'offline_access', 'leitura', 'escrita'],
    features: {
      clientCredentials: { enabled: true },
      deviceFlow: { enabled: true },
      introspection: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: { enabled: false },
    },
    ttl: { ClientCredentials: 77, AccessToken: 78, RefreshToken: 3600, DeviceCode: 600, Grant: 3600, IdToken: 78 },
  });
  const serve = provider.callback();
  server.on('request', (req, res) => {
    const url = new URL(req.url, issuer);
    if (req.method !== 'POST' || url.pathname !== '/person') return serve(req, res);
    return allow(provider, url.searchParams.get('user_code')).then(
      () => res.writeHead(204).end(),
      (err) => res.writeHead(500).end(String(err && err.stack)),
    );
  });
  console.log(issuer);
});
process.stdin.on('end', () => process.exit(0)).resume();
