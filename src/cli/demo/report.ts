import type { CheckoutFigures } from './checkouts.ts';

/** Shows how far a run is, on one line of the terminal; in a log, a line for every fifth of it. */
export function progressLine(label: string, things = 'checkouts'): (done: number, requested: number) => void {
  const { stderr } = process;
  return (done, requested) => {
    const text = `  ${label}: ${done} of ${requested} ${things}`;
    if (stderr.isTTY) stderr.write(`\r${text}${done === requested ? '\n' : ''}`);
    else if (done % (requested / 5) === 0) stderr.write(`${text}\n`);
  };
}

/** The figures as a table with aligned columns. */
export function table(rows: readonly CheckoutFigures[]): string {
  const columns = ['max', 'requested', 'committed', 'declined', 'soldOut', 'violations', 'ms'] as const;
  const cells = [columns, ...rows.map((row) => columns.map((column) => String(row[column])))];
  const widths = columns.map((_, index) => Math.max(...cells.map((row) => row[index]?.length ?? 0)));
  return cells.map((row) => row.map((cell, index) => cell.padStart(widths[index] ?? 0)).join('  ')).join('\n');
}
