import type { Check } from '../../core/index.ts';

const units = { second: 1_000, minute: 60_000, hour: 3_600_000, day: 86_400_000 } as const;
/** The longest, in milliseconds: a thousand years. */
const longest = 1_000 * 365 * units.day;

/** @returns milliseconds; nothing for what is no length of time */
function parse(value: unknown): number | undefined {
  if (typeof value === 'number') return Number.isFinite(value) && value >= 0 && value <= longest ? value : undefined;
  const found = typeof value === 'string' ? /^(\d{1,9}(?:\.\d{1,3})?) (second|minute|hour|day)s?$/.exec(value) : null;
  const [, count, unit] = found ?? [];
  if (count === undefined || unit === undefined) return undefined;
  const time = Number(count) * units[unit as keyof typeof units];
  return time <= longest ? time : undefined;
}

/** An option that is a length of time; read as milliseconds. */
export const aDuration: Check = Object.assign(
  (value: unknown) =>
    parse(value) === undefined ? "milliseconds, or text such as '90 seconds' and '2 days'" : undefined,
  { read: (value: unknown) => parse(value) ?? value },
);
