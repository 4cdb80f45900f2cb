import { createHash, randomBytes } from 'node:crypto';
import { rememberTexts } from '../../../driver/index.ts';

/** What all connections of a client know of a text. */
export interface KnownText {
  /**
   * Its name on the server, from a hash of it: behind a pooler connections find names that others gave, and a
   * name must never mean another text.
   */
  readonly name: string;
  /** Grows when a prepared statement of it may be stale. */
  generation: number;
  /** The last version that was sent to be parsed. */
  version: string;
}

/** How many texts are known; one that is forgotten is hashed again. */
const limit = 2_000;

/** What all connections of a client know of their prepared statements. */
export class StatementRegistry {
  readonly textOf: (text: string) => KnownText = rememberTexts(
    (text) => ({ name: nameOf(text), generation: 0, version: '' }),
    limit,
  );
  /** Makes its versions other ones than those of another process. */
  readonly #tag = randomBytes(4).toString('hex');
  /** Prepared statements of an earlier epoch are stale. */
  epoch = 0;

  /** Changes when what the server has parsed of a text may be stale; empty as long as nothing was. */
  versionOf({ generation }: KnownText): string {
    return this.epoch === 0 && generation === 0 ? '' : `${this.#tag}_${this.epoch}_${generation}`;
  }

  /** A table or type is another one now, or is about to be. */
  schemaChanged(): void {
    this.epoch += 1;
  }
}

function nameOf(text: string): string {
  return `sluice_${createHash('sha256').update(text).digest('base64url').slice(0, 22)}`;
}
