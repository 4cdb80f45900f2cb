import { setImmediate } from 'node:timers/promises';
import type { ErrorDetails } from '../core/index.ts';
import { HookLimitError } from './errors.ts';

/** After how many hooks that hooks have registered the event loop gets a turn. */
const breathAfter = 100;

/** Counts the hooks that hooks have registered, of which there is a limit. */
export class HookAllowance {
  readonly #limit: number;
  #ran = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Counts one more. @returns whether it may run */
  take(): boolean {
    this.#ran += 1;
    return this.#ran <= this.#limit;
  }

  /** Hooks that register hooks may never await anything but each other: now and then timers and sockets come first. */
  breath(): Promise<void> | undefined {
    return this.#ran % breathAfter === 0 ? setImmediate() : undefined;
  }
}

/** @param owner whose hooks they are; @param fate what became of those beyond the limit */
export function tooManyHooks(
  owner: string,
  limit: number,
  fate: string,
  where: Pick<ErrorDetails, 'chain' | 'at'> = {},
): HookLimitError {
  return new HookLimitError({
    what: `Hooks ${owner} registered more than ${limit} further hooks; ${fate}`,
    remedy: 'Find the hook that registers itself again, or raise hookLimit of createDatabase',
    ...where,
  });
}
