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
  pusher: ({ secret, key, socketId, channel, users }) => {
    const Pusher = require("pusher");
    const pusher = new Pusher({ appId: "1", key, secret, cluster: "mt1" });
    return users.map(({ presence, userData }) => ({
      channel: pusher.authorizeChannel(socketId, channel),
      presence: pusher.authorizeChannel(socketId, "presence-a", presence),
      user: pusher.authenticateUser(socketId, userData),
    }));
  },
  ably: ({ secret, requests }) => {
    const Ably = require("ably");
    return Promise.all(
      requests.map(({ keyName, mac, ...wanted }) => {
        const { auth } = new Ably.Rest({ key: `${keyName}:${secret}` });
        return auth.createTokenRequest(wanted);
      }),
    );
  },
  beams: ({ secret, instance, ids, now }) => {
    const Beams = require("@pusher/push-notifications-server");
    const client = new Beams({ instanceId: instance, secretKey: secret });
    return atTime(now, () => ids.map((id) => client.generateToken(id).token));
  },
  intercom: ({ secret, ids }) => {
    const { IdentityVerification } = require("intercom-client");
    return ids.map((id) => IdentityVerification.userHash({ secretKey: secret, identifier: id }));
  },
  magicbell: async ({ secret, ids }) => {
    const { createHmac } = await import("magicbell/crypto");
    return ids.map((id) => createHmac(secret, id));
  },
  stream: ({ secret, ids, now }) => {
    const { StreamChat } = require("stream-chat");
    const client = new StreamChat("key", secret);
    return ids.map((id) => client.createToken(id, undefined, now));
  },
  knock: ({ pem, ids, now, seconds }) => {
    const { buildUserTokenGrant, signUserToken } = require("@knocklabs/node");
    const options = { signingKey: pem, expiresInSeconds: seconds };
    const grants = (id) => [buildUserTokenGrant({ type: "user", id }, ["user/feed_read"])];
    const sign = (id) => signUserToken(id, { ...options, grants: grants(id) });
    return atTime(now, () => Promise.all(ids.map(sign)));
  },
  engagespot: ({ pem, apiKey, ids, now }) => {
    const { EngagespotClient } = require("@engagespot/node");
    const client = EngagespotClient({ apiKey, apiSecret: "x", signingKey: pem });
    return atTime(now, () => ids.map((id) => client.generateUserToken(id)));
  },
  discourse: ({ secret, users }) => {
    const Sso = require("discourse-sso");
    return users.map((values) => new Sso(secret).buildLoginString(values));
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
  discord: ({ key, deliveries }) => {
    const { verifyKey } = require("discord-interactions");
    const verify = ({ body, headers }) =>
      verifyKey(body, headers["X-Signature-Ed25519"], headers["X-Signature-Timestamp"], key);
    return Promise.all(deliveries.map((one) => accepts(() => verify(one))));
  },
  github: async ({ secret, deliveries }) => {
    const { verify } = await import("@octokit/webhooks-methods");
    const check = ({ body, headers }) => verify(secret, body, headers["X-Hub-Signature-256"]);
    return Promise.all(deliveries.map((one) => accepts(() => check(one))));
  },
  hook0: ({ secret, now, deliveries }) => {
    const { verifyWebhookSignatureWithCurrentTime } = require("hook0-client");
    const verify = ({ body, headers }) =>
      verifyWebhookSignatureWithCurrentTime(
        headers["X-Hook0-Signature"],
        body,
        new Map(),
        secret,
        300,
        new Date(now * 1000),
      );
    return Promise.all(deliveries.map((one) => accepts(() => verify(one))));
  },
  linear: async ({ secret, now, deliveries }) => {
    const { LinearWebhookClient } = await import("@linear/sdk/webhooks");
    const client = new LinearWebhookClient(secret);
    const verify = ({ body, headers }) => client.verify(Buffer.from(body), headers["Linear-Signature"]);
    return atTime(now, () => Promise.all(deliveries.map((one) => accepts(() => verify(one)))));
  },
  mux: ({ secret, now, deliveries }) => {
    const { Mux } = require("@mux/mux-node");
    const { webhooks } = new Mux({ tokenId: "1", tokenSecret: "x", webhookSecret: secret });
    const verify = ({ body, headers }) => webhooks.verifySignature(body, headers);
    return atTime(now, () => Promise.all(deliveries.map((one) => accepts(() => verify(one)))));
  },
  notion: ({ secret, deliveries }) => {
    const { verifyWebhookSignature } = require("@notionhq/client");
    const verify = ({ body, headers }) =>
      verifyWebhookSignature({
        body,
        signature: headers["X-Notion-Signature"],
        verificationToken: secret,
      });
    return Promise.all(deliveries.map((one) => accepts(() => verify(one))));
  },
  onfido: ({ secret, deliveries }) => {
    const { WebhookEventVerifier } = require("@onfido/api");
    const verifier = new WebhookEventVerifier(secret);
    const verify = ({ body, headers }) => verifier.readPayload(body, headers["X-SHA2-Signature"]);
    return Promise.all(deliveries.map((one) => accepts(() => verify(one))));
  },
  shopify: ({ secret, deliveries }) => {
    require("@shopify/shopify-api/adapters/node");
    const { shopifyApi, LogSeverity } = require("@shopify/shopify-api");
    const { webhooks } = shopifyApi({
      apiKey: "1",
      apiSecretKey: secret,
      apiVersion: "2026-10",
      hostName: "a.example",
      isEmbeddedApp: false,
      logger: { level: LogSeverity.Error },
    });
    const verify = ({ body, headers }) =>
      webhooks.validate({ rawBody: body, rawRequest: { headers } });
    return Promise.all(deliveries.map(async (one) => (await verify(one)).valid));
  },
  standardWebhooks: ({ secret, now, deliveries }) => {
    const { Webhook } = require("standardwebhooks");
    const verify = ({ body, headers }) => new Webhook(secret).verify(body, headers);
    return atTime(now, () => Promise.all(deliveries.map((one) => accepts(() => verify(one)))));
  },
  svix: ({ secret, now, deliveries }) => {
    const { Webhook } = require("svix");
    const verify = ({ body, headers }) => new Webhook(secret).verify(body, headers);
    return atTime(now, () => Promise.all(deliveries.map((one) => accepts(() => verify(one)))));
  },
  ed25519: ({ publicKey, deliveries }) => {
    const { createPublicKey, verify } = require("node:crypto");
    const x = Buffer.from(publicKey.replace("whpk_", ""), "base64").toString("base64url");
    const key = createPublicKey({ format: "jwk", key: { kty: "OKP", crv: "Ed25519", x } });
    return deliveries.map(({ body, headers }) => {
      const entry = headers["webhook-signature"].split(" ").find((one) => one.startsWith("v1a,"));
      const message = `${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${body}`;
      return verify(null, Buffer.from(message), key, Buffer.from(entry.slice(4), "base64"));
    });
  },
  zoom: ({ secret, deliveries }) => {
    const { AwsLambdaReceiver } = require("@zoom/rivet/meetings");
    console.debug = () => {}; // it writes each event to the standard output
    const handle = new AwsLambdaReceiver({ webhooksSecretToken: secret }).start();
    return Promise.all(
      deliveries.map(async (one) => {
        const { statusCode, body } = await handle(one);
        return { status: statusCode, ...JSON.parse(body) };
      }),
    );
  },
};

async function accepts(verify) {
  try {
    return (await verify()) !== false;
  } catch {
    return false;
  }
}

async function atTime(seconds, run) {
  const clock = Date.now;
  Date.now = () => seconds * 1000;
  try {
    return await run();
  } finally {
    Date.now = clock;
  }
}

(async () => {
  const results = {};
  for (const [name, job] of Object.entries(jobs)) results[name] = await signers[name](job);
  console.log(JSON.stringify(results));
})();
