// The shape of a JSON text, checked before its meaning: one object, bounded depth and size, no duplicate member anywhere.

/** How large a JSON text may be in structure. */
export interface Limits {
  /** Objects and arrays inside each other; the outermost counts as one. */
  readonly depth: number;
  /** Members and elements in the whole text. */
  readonly items: number;
}

export const HEADER: Limits = { depth: 4, items: 32 };
export const CLAIMS: Limits = { depth: 8, items: 1_024 };
export const KEYS: Limits = { depth: 8, items: 16_384 };

/**
 * The members of the one object that these bytes are, each as it is written; `undefined` if the bytes are not that, not within the
 * limits, or name a member twice anywhere. `JSON.parse` reads each of them.
 */
export function members(json: Uint8Array, limits: Limits): Map<string, string> | undefined {
  try {
    const reader = new Reader(UTF8.decode(json), limits.items);
    reader.space();
    const found = new Map<string, string>();
    reader.object(limits.depth, found);
    reader.space();
    return reader.isAtEnd() ? found : undefined;
  } catch {
    return undefined;
  }
}

/** The same object as JavaScript has it. Only for bytes that {@link members} has read. */
export function parsed(json: Uint8Array): Record<string, unknown> {
  return JSON.parse(UTF8.decode(json)) as Record<string, unknown>;
}

class Reader {
  #at = 0;
  readonly #text: string;
  #left: number;

  constructor(text: string, items: number) {
    this.#text = text;
    this.#left = items;
  }

  isAtEnd(): boolean {
    return this.#at === this.#text.length;
  }

  space(): void {
    this.#take(SPACE);
  }

  object(depth: number, into: Map<string, string>): void {
    this.#expect("{");
    if (depth === 0) throw new Misshapen();
    this.space();
    if (this.#has("}")) return;
    do {
      this.space();
      const name = this.#string();
      this.#count();
      if (into.has(name) || into.size >= MEMBERS_PER_OBJECT) throw new Misshapen();
      this.space();
      this.#expect(":");
      this.space();
      const begin = this.#at;
      this.#value(depth - 1);
      into.set(name, this.#text.slice(begin, this.#at));
      this.space();
    } while (this.#has(","));
    this.#expect("}");
  }

  #array(depth: number): void {
    this.#expect("[");
    if (depth === 0) throw new Misshapen();
    this.space();
    if (this.#has("]")) return;
    do {
      this.space();
      this.#count();
      this.#value(depth - 1);
      this.space();
    } while (this.#has(","));
    this.#expect("]");
  }

  #value(depth: number): void {
    const first = this.#text[this.#at];
    if (first === "{") return this.object(depth, new Map());
    if (first === "[") return this.#array(depth);
    if (first === '"') return void this.#string();
    const scalar = this.#take(SCALAR);
    if (scalar === "" || Math.abs(Number(scalar)) === Infinity) throw new Misshapen();
  }

  #string(): string {
    const written = this.#take(STRING);
    if (written === "") throw new Misshapen();
    const text = JSON.parse(written) as string;
    // Half a character may be escaped, but is none.
    if (LONE_SURROGATE.test(text)) throw new Misshapen();
    return text;
  }

  #take(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0] ?? "";
    this.#at += found.length;
    return found;
  }

  #has(character: string): boolean {
    if (this.#text[this.#at] !== character) return false;
    this.#at += 1;
    return true;
  }

  #expect(character: string): void {
    if (!this.#has(character)) throw new Misshapen();
  }

  #count(): void {
    this.#left -= 1;
    if (this.#left < 0) throw new Misshapen();
  }
}

class Misshapen extends Error {}

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const MEMBERS_PER_OBJECT = 64;
const SPACE = /[ \t\r\n]*/y;
const STRING = /"[^"\\\u0000-\u001f]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\u0000-\u001f]*)*"/y;
const SCALAR = /true|false|null|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const LONE_SURROGATE = /\p{Surrogate}/u;
