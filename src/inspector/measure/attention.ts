import { type CancelTimer, systemClock } from '../../core/index.ts';

/** For how long a page counts as open after its last sign, in milliseconds. */
export const lingering = 30_000;

/** Whether anyone looks: only then is anything counted, asked or sent. */
export class Attention {
  readonly #onChange: (isThere: boolean) => void;
  readonly #duration: number;
  #cancelTimer: CancelTimer | undefined;
  #isClosed = false;

  /** @param onChange is called when it begins, and when it ends */
  constructor(onChange: (isThere: boolean) => void, duration: number = lingering) {
    this.#onChange = onChange;
    this.#duration = duration;
  }

  get isThere(): boolean {
    return this.#cancelTimer !== undefined;
  }

  /** A sign that someone looks. */
  note(): void {
    if (this.#isClosed) return;
    const { isThere } = this;
    this.#cancelTimer?.();
    this.#cancelTimer = systemClock.setTimer(() => this.#end(), this.#duration, true);
    if (!isThere) this.#onChange(true);
  }

  close(): void {
    this.#isClosed = true;
    if (this.isThere) this.#end();
  }

  #end(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#onChange(false);
  }
}
