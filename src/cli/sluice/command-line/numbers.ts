import { type Given, UsageError } from './command.ts';

/** An option that is a whole number, from 1 on unless `least` says otherwise. @throws UsageError */
export function numberOf(
  { values }: Given,
  name: string,
  { otherwise, least = 1, most = 1_000_000 }: { otherwise: number; least?: number; most?: number },
): number {
  const given = values[name];
  if (given === undefined) return otherwise;
  const number = /^\d{1,9}$/.test(given) ? Number(given) : Number.NaN;
  if (!(number >= least && number <= most))
    throw new UsageError(`--${name} takes a whole number from ${least} to ${most}`);
  return number;
}
