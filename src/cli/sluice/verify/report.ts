import { version } from '../../../core/index.ts';
import type { Style } from '../terminal/style.ts';
import { counted, wrapped } from '../terminal/text.ts';
import type { Row, Section } from './row.ts';

/** What a run has come to. */
export interface Result {
  /** The server without user and password, in words. */
  readonly target: string;
  readonly facts: readonly string[];
  readonly sections: readonly Section[];
  /** What the reader should do about schemas that are still there, and the like. */
  readonly remarks: readonly string[];
  readonly milliseconds: number;
}

/** Whether all holds that has to, and all was found out. */
export function isSound({ sections }: Result): boolean {
  return sections.every(({ rows }) =>
    rows.every(({ verdict, required }) => verdict !== 'notChecked' && !(required && verdict === 'doesNotHold')),
  );
}

export function jsonReport(result: Result): string {
  return JSON.stringify({ version, isSound: isSound(result), ...result }, undefined, 2);
}

export function textReport(result: Result, style: Style): string {
  const { target, facts, sections, remarks } = result;
  const width = Math.max(...sections.flatMap(({ rows }) => rows.map(({ name }) => name.length)), 10) + 2;
  return [
    [
      style.strong(wrapped(target)),
      ...(facts.length === 0 ? [] : [style.quiet(wrapped(facts.join(', '), { indent: 2 }))]),
    ].join('\n'),
    ...sections.map((section) => table(section, width, style)),
    legend(result, style),
    ...remarks.map((remark) => wrapped(remark)),
  ].join('\n\n');
}

function table({ topic, rows }: Section, width: number, style: Style): string {
  const lines = rows.map((row) => {
    const { mark, paint } = markOf(row, style);
    const text = wrapped(`${row.meaning}.`, { indent: width + 4, first: ' '.repeat(width + 4) }).trimStart();
    return `  ${paint(mark)} ${row.name.padEnd(width)}${text}`;
  });
  return [style.strong(topic), ...lines].join('\n');
}

function markOf(
  { verdict, required }: Row,
  style: Style,
): { readonly mark: string; readonly paint: (text: string) => string } {
  if (verdict === 'holds') return { mark: '✓', paint: style.good };
  if (verdict === 'notApplicable') return { mark: '–', paint: style.quiet };
  if (verdict === 'notChecked') return { mark: '?', paint: style.bad };
  return required ? { mark: '✗', paint: style.bad } : { mark: '○', paint: style.doubtful };
}

function legend(result: Result, style: Style): string {
  const rows = result.sections.flatMap((section) => section.rows);
  const count = (wanted: string): number => rows.filter((row) => markOf(row, style).mark === wanted).length;
  const parts = [
    [count('✗'), '✗ does not hold, though Sluice relies on it'],
    [count('?'), '? could not be found out'],
    [count('○'), '○ does not hold: a limit to know'],
    [count('–'), '– not applicable'],
  ] as const;
  const words = parts.filter(([number]) => number > 0).map(([number, text]) => `${number} ${text}`);
  const holds = `✓ ${counted(count('✓'), 'row')} hold${count('✓') === 1 ? 's' : ''}`;
  return wrapped(
    `${[holds, ...words].join(', ')}. It took ${(result.milliseconds / 1_000).toFixed(1)} s. Each row is described in docs/verify.md.`,
  );
}
