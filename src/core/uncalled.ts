import { InvalidOptionError } from './errors.ts';
import type { Check } from './options.ts';
import { fieldOf } from './thrown-value.ts';

const howToCall = Symbol.for('sluice.how-to-call');

/** Notes how a function is called that makes what an option takes, so that one which was given uncalled is recognized. */
export function calledAs(maker: (...args: never[]) => unknown, call: string): void {
  Object.defineProperty(maker, howToCall, { value: call });
}

/** @throws InvalidOptionError for a function of ours, or a class, that was given in place of what it makes */
export function refuseUncalled(owner: string, option: string, given: unknown): void {
  if (typeof given !== 'function') return;
  const call = fieldOf(given, howToCall) ?? (isClass(given) ? `new ${given.name}(...)` : undefined);
  if (typeof call !== 'string') return;
  throw new InvalidOptionError({
    what: `${owner} got the ${isClass(given) ? 'class' : 'function'} ${given.name} for ${option}, in place of what it makes`,
    remedy: `Write ${option}: ${call}`,
  });
}

/** The same for an option with a check of its own. */
export function madeFirst(owner: string, option: string, check: (value: unknown) => string | undefined): Check {
  return Object.assign((value: unknown) => check(value), {
    read(value: unknown): unknown {
      refuseUncalled(owner, option, value);
      return value;
    },
  });
}

function isClass(value: { readonly name: string }): boolean {
  return Function.prototype.toString.call(value).startsWith('class ');
}
