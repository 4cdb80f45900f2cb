import { createHash } from 'node:crypto';

/** Numbers and ids that a body gets: the same in each run of it, since they come from the seed of its saga. */
export class Draws {
  readonly #seed: string;
  #drawn = 0;

  constructor(seed: string) {
    this.#seed = seed;
  }

  /** From 0 up to 1, which is never given. */
  random(): number {
    return this.#draw('random').readUInt32BE(0) / 2 ** 32;
  }

  /** Of version 4 in form. */
  uuid(): string {
    const bytes = this.#draw('uuid');
    const [a, b, c, d, e] = [0, 4, 6, 8, 10].map((from, at, all) => bytes.toString('hex', from, all[at + 1] ?? 16));
    const variant = ((Number.parseInt(d?.slice(0, 1) ?? '', 16) & 3) | 8).toString(16);
    return [a, b, `4${c?.slice(1)}`, `${variant}${d?.slice(1)}`, e].join('-');
  }

  #draw(kind: string): Buffer {
    this.#drawn += 1;
    return createHash('sha256').update(`${this.#seed} ${kind} ${this.#drawn}`).digest();
  }
}
