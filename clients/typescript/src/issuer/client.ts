// Asking the issuer: every answer is bounded in time and size, and no redirect is followed.

import { Agent as HttpAgent, type ClientRequest, type IncomingMessage, request as overHttp } from "node:http";
import { Agent as HttpsAgent, request as overHttps } from "node:https";

/** Why there is no answer. */
export class FetchError extends Error {
  override readonly name = "FetchError";

  constructor(
    message: string,
    /** The status, if it is one that says no. */
    readonly status?: number,
    /** After how many milliseconds to try again, if the issuer says so. */
    readonly retryAfterMs?: number,
  ) {
    super(message);
  }
}

/** How to ask. */
export interface Question {
  readonly headers?: Readonly<Record<string, string>>;
  /** How long it may take until the answer begins, or until a small one has ended, in milliseconds. */
  readonly patienceMs: number;
  /** Nobody waits for it, so it must not keep the process alive. */
  readonly isBackground?: boolean;
  readonly signal?: AbortSignal;
}

/** A client for one issuer, with connections of its own. */
export class IssuerClient {
  readonly #agent: HttpAgent | HttpsAgent;
  readonly #begin: typeof overHttp;

  constructor(origin: URL, ca: string | Buffer | readonly (string | Buffer)[] | undefined) {
    const options = { keepAlive: true, keepAliveMsecs: 1_000, maxFreeSockets: 4, timeout: IDLE_MS };
    const isHttps = origin.protocol === "https:";
    this.#agent = isHttps ? new HttpsAgent({ ...options, ...(ca && { ca: [ca].flat() }) }) : new HttpAgent(options);
    this.#begin = isHttps ? overHttps : overHttp;
  }

  /** Asks for a small answer, whatever its status. */
  async get(url: URL, question: Question): Promise<{ status: number; body: Buffer; maxAge: number | undefined }> {
    const begun = performance.now();
    const incoming = await this.open(url, question);
    const body = await incoming.whole(question.patienceMs - (performance.now() - begun), MAX_DOCUMENT_BYTES);
    return { status: incoming.status, body, maxAge: incoming.maxAge };
  }

  /** Asks for a document: anything but 200 is an error. */
  async document(url: URL): Promise<{ body: Buffer; maxAge: number | undefined }> {
    const { status, ...answer } = await this.get(url, { headers: { accept: "application/json" }, patienceMs: DOCUMENT_MS });
    // A redirect is not followed: it could lead anywhere.
    if (status !== 200) throw new FetchError(`${placeOf(url)} answered ${status}`, status);
    return answer;
  }

  /** Asks; the answer's body may go on for as long as it likes. */
  async open(url: URL, question: Question): Promise<Incoming> {
    try {
      return await this.#once(url, question);
    } catch (error) {
      // The issuer may close a connection just when it is used again. That says nothing about the question.
      if (error instanceof Reused) return this.#once(url, question);
      throw error;
    }
  }

  /** Closes connections that nothing uses. */
  close(): void {
    this.#agent.destroy();
  }

  #once(url: URL, { headers = {}, patienceMs, isBackground = false, signal }: Question): Promise<Incoming> {
    return new Promise((resolve, reject) => {
      const options = { agent: this.#agent, headers, maxHeaderSize: MAX_HEAD_BYTES, ...(signal && { signal }) };
      const request = this.#begin(url, options);
      const late = setTimeout(() => request.destroy(slow(url, patienceMs)), patienceMs);
      if (isBackground) {
        late.unref();
        request.on("socket", (socket) => socket.unref());
      }
      request.once("response", (response) => {
        clearTimeout(late);
        resolve(new Incoming(url, request, response, isBackground));
      });
      request.on("error", (error: Error & { code?: string }) => {
        clearTimeout(late);
        if (error instanceof FetchError) return reject(error);
        const unreachable = `${placeOf(url)} cannot be reached: ${error.message || error.code}`;
        reject(request.reusedSocket && ["ECONNRESET", "EPIPE"].includes(error.code ?? "") ? new Reused(unreachable) : new FetchError(unreachable));
      });
      request.end();
    });
  }
}

/** An answer that is still coming in. */
export class Incoming {
  readonly status: number;
  /** For how many seconds it may be reused (RFC 9111 §5.2.2.1). */
  readonly maxAge: number | undefined;
  readonly #url: URL;
  readonly #request: ClientRequest;
  readonly #response: IncomingMessage;
  readonly #isBackground: boolean;

  constructor(url: URL, request: ClientRequest, response: IncomingMessage, isBackground: boolean) {
    this.status = response.statusCode ?? 0;
    const maxAge = /(?:^|[\s,])max-age=(\d{1,9})(?:$|[\s,])/i.exec(response.headers["cache-control"] ?? "")?.[1];
    this.maxAge = maxAge === undefined ? undefined : Number(maxAge);
    this.#url = url;
    this.#request = request;
    this.#response = response;
    this.#isBackground = isBackground;
  }

  /** Refuses any status but 200. */
  ok(): this {
    if (this.status === 200) return this;
    const seconds = Number(/^\d{1,4}$/.exec(this.#response.headers["retry-after"] ?? "")?.[0] ?? NaN);
    this.#request.destroy();
    const retryAfterMs = Number.isNaN(seconds) ? undefined : seconds * 1_000;
    throw new FetchError(`${placeOf(this.#url)} answered ${this.status}`, this.status, retryAfterMs);
  }

  /** All of it, if it is no longer than `maxBytes`, is never silent for `quietMs`, and takes no longer than `wholeMs`. */
  async whole(quietMs: number, maxBytes: number, wholeMs = quietMs): Promise<Buffer> {
    const parts: Buffer[] = [];
    let size = 0;
    const late = this.#timer(wholeMs);
    try {
      await this.read(quietMs, (part) => {
        size += part.length;
        if (size > maxBytes) this.#response.destroy(new FetchError(`${placeOf(this.#url)} answered with more than ${maxBytes} bytes`));
        else parts.push(part);
      });
    } finally {
      clearTimeout(late);
    }
    return Buffer.concat(parts, size);
  }

  /** Hands over what comes in until the end, which may be silent for `quietMs` at a time. Rejects if it is cut off. */
  read(quietMs: number, onPart: (part: Buffer) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      let quiet = this.#timer(quietMs);
      const end = (error?: Error) => {
        clearTimeout(quiet);
        if (error === undefined) return resolve();
        reject(error instanceof FetchError ? error : new FetchError(`${placeOf(this.#url)} was cut off: ${error.message}`));
      };
      this.#response.on("data", (part: Buffer) => {
        quiet.refresh();
        try {
          onPart(part);
        } catch (error) {
          this.#response.destroy(error as Error);
        }
      });
      this.#response.once("end", () => end());
      this.#response.once("error", end);
      this.#response.once("close", () => end(new Error("the connection was closed")));
    });
  }

  /** Ends it. */
  close(): void {
    this.#response.destroy();
  }

  #timer(ms: number): NodeJS.Timeout {
    const timer = setTimeout(() => this.#response.destroy(slow(this.#url, ms)), ms);
    return this.#isBackground ? timer.unref() : timer;
  }
}

/** A connection that was used before broke before the answer. */
class Reused extends FetchError {}

function slow(url: URL, ms: number): FetchError {
  return new FetchError(`${placeOf(url)} did not answer within ${ms / 1_000} s`);
}

/** Without the query: a position is no secret, but long. */
function placeOf(url: URL): string {
  return `${url.origin}${url.pathname}`;
}

const MAX_DOCUMENT_BYTES = 256 * 1024;
const MAX_HEAD_BYTES = 64 * 1024;

/** How long a document may take. */
const DOCUMENT_MS = 5_000;

/** Shorter than the issuer's own, so that seldom a question is sent on a connection that is just being closed. */
const IDLE_MS = 10_000;
