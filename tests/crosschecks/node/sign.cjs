// Reads jobs as JSON from the standard input, and writes what the vendors' code makes of them.
const jobs = JSON.parse(require("node:fs").readFileSync(0, "utf8"));

const signers = {
  launchdarkly: ({ secret, contexts }) => {
    const ld = require("@launchdarkly/node-server-sdk");
    const logger = ld.basicLogger({ level: "none" });
    const client = ld.init(secret, { offline: true, logger });
    const hashes = contexts.map((context) => client.secureModeHash(context));
    client.close();
    return hashes;
  },
  canonical: ({ values }) => values.map(require("@tufjs/canonical-json").canonicalize),
  pusher: ({ secret, key, socketId, channel, presence, userData }) => {
    const Pusher = require("pusher");
    const pusher = new Pusher({ appId: "1", key, secret, cluster: "mt1" });
    return {
      channel: pusher.authorizeChannel(socketId, channel),
      presence: pusher.authorizeChannel(socketId, "presence-a", presence),
      user: pusher.authenticateUser(socketId, userData),
    };
  },
  ably: ({ secret, request: { keyName, mac, ...wanted } }) => {
    const Ably = require("ably");
    return new Ably.Rest({ key: `${keyName}:${secret}` }).auth.createTokenRequest(wanted);
  },
  stream: ({ secret, ids }) => {
    const { StreamChat } = require("stream-chat");
    const client = new StreamChat("key", secret);
    return ids.map((id) => client.createToken(id));
  },
  knock: async ({ pem, id, now, seconds }) => {
    const { signUserToken } = require("@knocklabs/node");
    const clock = Date.now;
    Date.now = () => now * 1000;
    const token = await signUserToken(id, { signingKey: pem, expiresInSeconds: seconds });
    Date.now = clock;
    return token;
  },
  discourse: ({ secret, values }) => {
    const Sso = require("discourse-sso");
    return new Sso(secret).buildLoginString(values);
  },
  jose: async ({ tokens }) => {
    const jose = await import("jose");
    const now = new Date(1_800_000_000_000);
    return Promise.all(
      tokens.map(async ({ token, algorithm, secret, publicKey }) => {
        const key = publicKey
          ? await jose.importSPKI(publicKey, algorithm)
          : new TextEncoder().encode(secret);
        const options = { algorithms: [algorithm], currentDate: now };
        return (await jose.jwtVerify(token, key, options)).payload;
      }),
    );
  },
};

(async () => {
  const results = {};
  for (const [name, job] of Object.entries(jobs)) results[name] = await signers[name](job);
  console.log(JSON.stringify(results));
})();
