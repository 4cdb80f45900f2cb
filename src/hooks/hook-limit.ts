import { setImmediate } from 'node:timers/promises';
import type { ChainLink } from '../core/index.ts';
import { HookLimitError } from './errors.ts';

/** After how many hooks that hooks have registered the event loop gets a turn. */
const breathAfter = 100;

/** Counts the hooks that run: those that were there first are free, of those that hooks register there is a limit. */
export class HookAllowance {
  readonly #free: number;
  readonly #limit: number;
  #ran = 0;

  constructor(free: number, limit: number) {
    this.#free = free;
    this.#limit = limit;
  }

  /** Counts one more. @returns whether it may run */
  take(): boolean {
    this.#ran += 1;
    return this.#ran <= this.#free + this.#limit;
  }

  /** Hooks that register hooks may never await anything but each other: now and then timers and sockets come first. */
  breath(): Promise<void> | undefined {
    const added = this.#ran - this.#free;
    return added > 0 && added % breathAfter === 0 ? setImmediate() : undefined;
  }
}

/** @param owner whose hooks they are; @param fate what became of those beyond the limit */
export function tooManyHooks(
  owner: string,
  limit: number,
  fate: string,
  chain: readonly ChainLink[] = [],
): HookLimitError {
  return new HookLimitError({
    what: `Hooks ${owner} registered more than ${limit} further hooks; ${fate}`,
    remedy: 'Find the hook that registers itself again, or raise hookLimit of createDatabase',
    chain,
  });
}
