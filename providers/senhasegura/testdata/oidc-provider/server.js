// Serves the client credentials grant on a free loopback port and prints its
// address. It ends when its standard input does.
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

const server = http.createServer();
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [
      client('3ca8a98d907543812334f7f5dbafca6505e3319fb', '00112233445566778899aabbccddeeff', 'client_secret_basic'),
      client('plus', 'a+b', 'client_secret_basic'),
      client('awkward:id +%', 's3cr+et:x =%/&ok', 'client_secret_basic'),
      client('body id +%', 's3cr+et:x =%/&ok', 'client_secret_post'),
    ],
    scopes: ['leitura', 'escrita'],
    features: {
      clientCredentials: { enabled: true },
      introspection: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: { enabled: false },
    },
    ttl: { ClientCredentials: 77 },
  });
  server.on('request', provider.callback());
  console.log(issuer);
});
process.stdin.on('end', () => process.exit(0)).resume();
