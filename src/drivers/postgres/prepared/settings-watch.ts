import type { TextEffects } from './text-effects.ts';

/**
 * Follows whether the settings of a connection that decide what names mean (the search path, the role) are those
 * it began with. Where that is not sure, they count as changed.
 */
export class SettingsWatch {
  #forTransaction = 0;
  #forSession = 0;
  /** What is as it was once the transaction has committed. */
  #restored = 0;

  get areChanged(): boolean {
    return (this.#forTransaction | this.#forSession) !== 0;
  }

  /** A text with these effects is about to be sent. */
  note({ settings, lasts }: TextEffects): void {
    if (lasts === 'restored') {
      this.#restored |= settings;
      return;
    }
    this.#restored &= ~settings;
    if (lasts === 'session') this.#forSession |= settings;
    else this.#forTransaction |= settings;
  }

  /** A part of the transaction was undone, which may be one that restored something. */
  undone(): void {
    this.#restored = 0;
  }

  /** The transaction has ended. */
  ended(committed: boolean): void {
    if (committed) this.#forSession &= ~this.#restored;
    this.#forTransaction = this.#restored = 0;
  }
}
