// The first contact with an issuer, and what can be said before it.

import { Checker } from "./checker.js";
import { Clock, type Clocks } from "./clock.js";
import { Following } from "./feed/following.js";
import { Revoked } from "./feed/revoked.js";
import { FetchError, IssuerClient } from "./issuer/client.js";
import { ConnectError, discover, issuerUrl } from "./issuer/discover.js";
import { Keys } from "./issuer/keys.js";
import { Sessions } from "./issuer/sessions.js";
import { KeysRefused } from "./token/key-set.js";
import type { Parts } from "./verifier.js";

/** What may be said of a verifier. */
export interface Options {
  /** The audience that tokens must be meant for: the server's `tokens.audience`. Else the issuer itself, as there. */
  readonly audience?: string;
  /** Follows the revocations, with the credential that `watchword verifier add` prints, so that a logout holds here at once. */
  readonly follow?: string;
  /** The URL of a relay's revocations, to follow that instead of the issuer; `follow` is then a secret of the relay. */
  readonly relay?: string;
  /** What this process calls itself towards the issuer, for people: 1 to 64 letters, digits and `-._`. */
  readonly name?: string;
  /** For how long after it was withdrawn a credential may still be accepted when the issuer cannot be asked. Else 5,000. */
  readonly boundMs?: number;
  /** By how many seconds clocks may differ, at most 60. Else 5. */
  readonly leewaySeconds?: number;
  /** How long keys are used while the issuer cannot be asked for newer ones. Else an hour. */
  readonly keysStaleForMs?: number;
  /** How many verified tokens are remembered, about 2 kB each. Else 10,000. */
  readonly cachedTokens?: number;
  /** How many withdrawn sessions and users are remembered, 60 to 150 bytes each; beyond that more is refused. Else 1,000,000. */
  readonly capacity?: number;
  /** How long to go on trying while the issuer does not answer, so that both may be started at once. Else 30,000. */
  readonly retryForMs?: number;
  /** Certificate authorities to trust instead of those that Node trusts, in PEM. */
  readonly ca?: string | Buffer | readonly (string | Buffer)[];
  /** Hears what an operator should know, such as that the issuer is silent. Else Node's warnings. */
  readonly onWarning?: (message: string) => void;
  /** Other clocks, for tests. */
  readonly clocks?: Clocks;
}

/** What a verifier is made of, once the issuer has answered. */
export async function connected(issuer: string, options: Options): Promise<Parts> {
  check(options);
  // Whoever means to follow must not be left without, because a variable is not set.
  if ("follow" in options && options.follow === undefined) throw new ConnectError("`follow` is there, but undefined");
  if (options.relay !== undefined && options.follow === undefined) throw new ConnectError("`relay` takes its secret in `follow`");
  const origin = issuerUrl(issuer);
  const begun = performance.now();
  for (;;) {
    const client = new IssuerClient(origin, options.ca);
    try {
      return await connectOnce(issuer, origin, client, options);
    } catch (error) {
      client.close();
      if (!isPassing(error) || performance.now() - begun >= (options.retryForMs ?? 30_000)) throw error;
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}

async function connectOnce(issuer: string, origin: URL, client: IssuerClient, options: Options): Promise<Parts> {
  const { audience = issuer, follow, relay, name, boundMs = 5_000, onWarning: warn = warnByNode } = options;
  const leewaySeconds = Math.min(options.leewaySeconds ?? 5, 60);
  const clock = new Clock(options.clocks);
  const found = await discover(issuer, origin, client);
  const keys = await Keys.first(client, found.jwks, clock, options.keysStaleForMs ?? 3_600_000, warn).catch((error: unknown) => {
    throw error instanceof KeysRefused ? new ConnectError(`the issuer's keys cannot be used: ${error.message}`) : error;
  });
  const revoked = new Revoked(options.capacity ?? 1_000_000, leewaySeconds);
  const checker = new Checker({ issuer, audience, leewaySeconds }, keys, revoked, options.cachedTokens ?? 10_000);
  const common = { issuer, client, clock, keys, checker, leewaySeconds, warn };
  if (follow === undefined) return { ...common, following: undefined, sessions: undefined };
  const endpoint = relay === undefined ? found.revocations : issuerUrl(relay);
  if (endpoint === undefined) throw new ConnectError("the issuer is of a version that does not tell of revocations");
  const follower = { endpoint, credential: follow, name, boundMs, keys };
  const asking = relay === undefined ? client : new IssuerClient(endpoint, options.ca);
  const following = new Following(asking, follower, clock, revoked, warn);
  await following.begin().catch((error: unknown) => {
    following.close();
    throw error;
  });
  return { ...common, following, sessions: found.session && new Sessions(client, found.session, clock, boundMs) };
}

function check({ follow, name, boundMs = 5_000, leewaySeconds = 5, cachedTokens = 0, capacity = 0 }: Options): void {
  if (follow !== undefined && !/^[!-~]{1,512}$/.test(follow)) {
    throw new ConnectError("`follow` takes a credential: `watchword verifier add NAME` prints one, `wwv_…`");
  }
  if (name !== undefined && !/^[A-Za-z0-9\-._]{1,64}$/.test(name)) throw new ConnectError("`name` takes 1 to 64 of A-Z a-z 0-9 - . _");
  for (const [option, value] of Object.entries({ boundMs, leewaySeconds, cachedTokens, capacity })) {
    if (!(value >= 0 && value < Infinity)) throw new ConnectError(`\`${option}\` takes a number that is not negative`);
  }
}

/** Whether to try again: not if the issuer says that it will not do. */
function isPassing(error: unknown): boolean {
  return error instanceof FetchError && ![400, 401, 403].includes(error.status ?? 0);
}

function warnByNode(message: string): void {
  process.emitWarning(message, "WatchwordVerifierWarning");
}

/** How often to try while the issuer does not answer. */
const RETRY_MS = 500;
