// What answers of the revocation feed are made of: frames.

/** Something has been withdrawn, and matters for so many more seconds. An id is its sixteen bytes, a character each. */
export type Entry =
  | { readonly type: "session"; readonly remaining: number; readonly sid: string }
  | { readonly type: "epoch"; readonly remaining: number; readonly user: string; readonly epoch: bigint }
  | { readonly type: "key"; readonly remaining: number; readonly kid: string }
  | { readonly type: "everybody"; readonly remaining: number; readonly moment: number }
  | { readonly type: "client"; readonly remaining: number; readonly moment: number; readonly clientId: string };

/** That everything committed up to `age` before this was made has been told, and where to go on. */
export interface Watermark {
  readonly type: "watermark";
  readonly age: number;
  /** The latest that any node's clock may have shown when this was made, in unix milliseconds. */
  readonly now: number;
  readonly position: string;
}

/** One frame. `unknown` is from a later version: a watermark behind it in the same answer proves nothing. */
export type Frame = Entry | Watermark | { readonly type: "end" } | { readonly type: "unknown" };

/** Splits an answer into frames while it comes in. */
export class Frames {
  #buffer: Buffer = Buffer.alloc(0);
  #read = 0;

  /** Adds what has come in. */
  push(bytes: Uint8Array): void {
    const rest = this.#buffer.subarray(this.#read);
    this.#buffer = rest.length === 0 ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length) : Buffer.concat([rest, bytes]);
    this.#read = 0;
  }

  /** The next frame that is all there. */
  next(): Frame | undefined {
    const body = this.#read + HEAD;
    if (this.#buffer.length < body) return undefined;
    const end = body + this.#buffer.readUInt16BE(this.#read + 1);
    if (this.#buffer.length < end) return undefined;
    const type = this.#buffer.readUInt8(this.#read);
    this.#read = end;
    return decode(type, this.#buffer.subarray(body, end)) ?? { type: "unknown" };
  }

  /** Whether it stands between two frames: an answer that stops elsewhere was cut off. */
  isBetween(): boolean {
    return this.#read === this.#buffer.length;
  }
}

/** The last watermark of an answer that was not cut off. */
export function lastWatermark(answer: Buffer): Watermark | undefined {
  let [last, at] = [0, 0];
  while (at + HEAD <= answer.length) {
    last = at;
    at += HEAD + answer.readUInt16BE(at + 1);
  }
  if (at !== answer.length || at === 0) return undefined;
  const frame = decode(answer.readUInt8(last), answer.subarray(last + HEAD));
  return frame?.type === "watermark" ? frame : undefined;
}

/** Whether a text can be a position. */
export function isPosition(text: string): boolean {
  return /^[A-Za-z0-9\-._~:,]{1,2048}$/.test(text);
}

function decode(type: number, body: Buffer): Frame | undefined {
  if (type === 0x11) return body.length === 0 ? { type: "end" } : undefined;
  if (body.length < 4) return undefined;
  const remaining = body.readUInt32BE(0);
  switch (type) {
    case 0x01:
      return body.length === 20 ? { type: "session", remaining, sid: body.toString("latin1", 4) } : undefined;
    case 0x02:
      if (body.length !== 28) return undefined;
      return { type: "epoch", remaining, user: body.toString("latin1", 4, 20), epoch: body.readBigUInt64BE(20) };
    case 0x03: {
      const kid = name(body.subarray(4));
      return kid === undefined ? undefined : { type: "key", remaining, kid };
    }
    case 0x04:
      return body.length === 12 ? { type: "everybody", remaining, moment: moment(body) } : undefined;
    case 0x05: {
      const clientId = name(body.subarray(12));
      return clientId === undefined ? undefined : { type: "client", remaining, moment: moment(body), clientId };
    }
    case 0x10: {
      const position = body.toString("latin1", 12);
      return isPosition(position) ? { type: "watermark", age: remaining, now: moment(body), position } : undefined;
    }
    default:
      return undefined;
  }
}

function name(bytes: Buffer): string | undefined {
  if (bytes.length < 1 || bytes.length > 256) return undefined;
  try {
    return UTF8.decode(bytes);
  } catch {
    return undefined;
  }
}

/** A moment too late to be a number that counts by one is as good as the last such. */
function moment(body: Buffer): number {
  return Math.min(Number(body.readBigUInt64BE(4)), Number.MAX_SAFE_INTEGER);
}

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The type and the length. */
const HEAD = 3;
