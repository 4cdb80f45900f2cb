import { createHash } from 'node:crypto';
import { rememberTexts } from '../../driver/index.ts';

/** What all connections of a client know of a text. */
export interface KnownText {
  /**
   * Its name on the server, from a hash of it: behind a pooler connections find names that others gave, and a
   * name must never mean another text.
   */
  readonly name: string;
  /** Grows when a prepared statement of it may be stale. */
  generation: number;
}

/** How many texts are known; one that is forgotten is hashed again. */
const limit = 2_000;

/** What all connections of a client know of their prepared statements. */
export class SharedPlans {
  readonly textOf: (text: string) => KnownText = rememberTexts(
    (text) => ({ name: nameOf(text), generation: 0 }),
    limit,
  );
  #epoch = 0;

  /** Prepared statements of an earlier epoch are stale. */
  get epoch(): number {
    return this.#epoch;
  }

  /** A table or type is another one now, or is about to be. */
  schemaChanged(): void {
    this.#epoch += 1;
  }
}

function nameOf(text: string): string {
  return `sluice_${createHash('sha256').update(text).digest('base64url').slice(0, 22)}`;
}
