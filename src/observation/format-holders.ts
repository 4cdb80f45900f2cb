import { aList, checkedArgument } from '../core/index.ts';
import { findStandstills } from './find-standstills.ts';
import { formatStandstills } from './format-standstills.ts';
import type { HolderInfo } from './holder-info.ts';
import { nameInWords, namesIn, timeInWords, waitInWords } from './in-words.ts';
import { keyOf } from './wait-graph.ts';

/** What is shown of a statement, in characters. */
const longest = 160;

/**
 * Makes text of holders that a person can read: what stands still first, and then each below the transaction around it, with what
 * it runs and what it waits for.
 *
 * ```ts
 * process.on('SIGUSR2', async () => console.log(formatHolders(await database.holders())));
 * ```
 * @throws InvalidOptionError
 */
export function formatHolders(holders: readonly HolderInfo[]): string {
  checkedArgument('formatHolders', 'holders', holders, aList);
  if (holders.length === 0) return 'No connection is held or waited for.';
  const byId = new Map(holders.map((holder) => [holder.id, holder]));
  const backends = new Set(holders.flatMap(({ backend }) => (backend === undefined ? [] : [keyOf(backend)])));
  const nameOf = namesIn(holders);
  const inner = new Map<string | undefined, HolderInfo[]>();
  for (const holder of holders) {
    const outer = holder.outerId !== undefined && byId.has(holder.outerId) ? holder.outerId : undefined;
    const siblings = inner.get(outer);
    if (siblings === undefined) inner.set(outer, [holder]);
    else siblings.push(holder);
  }
  const lines: string[] = [];
  const show = (holder: HolderInfo, depth: number): void => {
    const indent = '  '.repeat(depth);
    lines.push(`${indent}${headOf(holder, backends)}`);
    if (holder.running !== undefined) lines.push(`${indent}  runs ${cut(holder.running.text)}`);
    lines.push(`${indent}  ${waitInWords(holder.clientName, holder.waitsFor, nameOf)}`);
    for (const each of inner.get(holder.id) ?? []) show(each, depth + 1);
  };
  for (const each of inner.get(undefined) ?? []) show(each, 0);
  const holding = holders.filter(({ backend }) => backend !== undefined).length;
  const waiting = holders.filter(({ waitsFor }) => waitsFor.type === 'connection').length;
  const standstills = findStandstills(holders);
  const first = standstills.length === 0 ? [] : [formatStandstills(standstills), ''];
  return [...first, `${holding} hold a connection, ${waiting} wait for one.`, ...lines].join('\n');
}

function headOf(holder: HolderInfo, backends: ReadonlySet<string>): string {
  const { kind, name, clientName, level, age, origin, backend, attempt, ancestors } = holder;
  const what = [`client "${clientName}"`, `level ${level}`];
  if (attempt > 1) what.push(`attempt ${attempt}`);
  if (backend !== undefined) what.push(`backend ${backend.id}`);
  const above = ancestors.map(({ transaction, backend: { id, startedAt } }) => {
    const elsewhere = backends.has(keyOf({ id, startedAt })) ? '' : ' of another process';
    return `"${transaction}" (backend ${id})${elsewhere}`;
  });
  if (above.length > 0) what.push(`below ${above.join(', ')}`);
  const begun = origin === undefined ? '' : `, begun at ${origin}`;
  return `${nameInWords({ kind, name })} (${what.join(', ')}) for ${timeInWords(age)}${begun}`;
}

function cut(text: string): string {
  return text.length > longest ? `${text.slice(0, longest)}…` : text;
}
