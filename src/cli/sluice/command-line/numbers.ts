import { type Given, UsageError } from './command.ts';

/** An option that is a whole number from 1 on. @throws UsageError */
export function numberOf(
  { values }: Given,
  name: string,
  { otherwise, most = 1_000_000 }: { otherwise: number; most?: number },
): number {
  const given = values[name];
  if (given === undefined) return otherwise;
  const number = /^\d{1,9}$/.test(given) ? Number(given) : 0;
  if (number < 1 || number > most) throw new UsageError(`--${name} takes a whole number from 1 to ${most}`);
  return number;
}
