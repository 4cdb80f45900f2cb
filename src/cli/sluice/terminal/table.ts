import type { Style } from './style.ts';
import { duration, harmless } from './text.ts';

/** A row per line, under heads. The last column is as wide as it is. */
export function table(heads: readonly string[], rows: readonly (readonly string[])[], style: Style): string {
  const all = [heads, ...rows];
  const widths = heads.slice(0, -1).map((_, at) => Math.max(...all.map((row) => row[at]?.length ?? 0)));
  const lines = all.map((row) => row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join('  '));
  return lines.map((line, at) => (at === 0 ? style.strong(line) : line)).join('\n');
}

/** In one line. */
export function cut(text: string, most: number): string {
  const line = harmless(text);
  return line.length <= most ? line : `${line.slice(0, most - 3)}...`;
}

/** The clocks of this machine and of the server may differ. */
export function ageOf(from: Date): string {
  return duration(Math.max(0, Date.now() - from.getTime()));
}
