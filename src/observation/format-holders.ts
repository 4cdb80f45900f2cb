import type { HolderInfo, HolderWait } from './holder-info.ts';

/** What is shown of a statement, in characters. */
const longest = 160;

/**
 * Makes text of holders that a person can read: each below the transaction around it, with what it runs and what it waits for.
 *
 * ```ts
 * process.on('SIGUSR2', async () => console.log(formatHolders(await database.holders())));
 * ```
 */
export function formatHolders(holders: readonly HolderInfo[]): string {
  if (holders.length === 0) return 'No connection is held or waited for.';
  const byId = new Map(holders.map((holder) => [holder.id, holder]));
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
    lines.push(`${indent}${headOf(holder)}`);
    if (holder.running !== undefined) lines.push(`${indent}  runs ${cut(holder.running.text)}`);
    lines.push(`${indent}  ${waitOf(holder, byId)}`);
    for (const each of inner.get(holder.id) ?? []) show(each, depth + 1);
  };
  for (const each of inner.get(undefined) ?? []) show(each, 0);
  const holding = holders.filter(({ backend }) => backend !== undefined).length;
  const waiting = holders.filter(({ waitsFor }) => waitsFor.type === 'connection').length;
  return [`${holding} hold a connection, ${waiting} wait for one.`, ...lines].join('\n');
}

function headOf({ kind, name, clientName, level, age, origin, backend, attempt, ancestors }: HolderInfo): string {
  const who = kind === 'transaction' ? `transaction "${name}"` : kind === 'checkout' ? `checkout "${name}"` : name;
  const what = [`client "${clientName}"`, `level ${level}`];
  if (attempt > 1) what.push(`attempt ${attempt}`);
  if (backend !== undefined) what.push(`backend ${backend.id}`);
  const above = ancestors.map((ancestor) => `"${ancestor.transaction}" (backend ${ancestor.backend.id})`);
  if (above.length > 0) what.push(`below ${above.join(', ')} of another process`);
  return `${who} (${what.join(', ')}) for ${time(age)}${origin === undefined ? '' : `, begun at ${origin}`}`;
}

function waitOf({ clientName, waitsFor }: HolderInfo, byId: ReadonlyMap<string, HolderInfo>): string {
  const since = `for ${time(waitsFor.for)}`;
  switch (waitsFor.type) {
    case 'connection':
      return `waits for a connection of client "${clientName}" ${since}`;
    case 'lock':
      return `waits for a lock${onRelation(waitsFor.relation)} ${since}, held by ${ownersOf(waitsFor, byId)}`;
    case 'server':
      return `the server has run it ${since}`;
    case 'transaction':
      return `waits for the transaction inside of it ${since}`;
    case 'job':
      return `waits for job ${waitsFor.jobId} of queue "${waitsFor.queue}" ${since}`;
    case 'hook':
      return `waits for its ${waitsFor.hook} hook ${since}`;
    case 'turn':
      return `a statement or scope of it waits for its turn ${since}: for another one of the transaction`;
    case 'code':
      return `waits for the program ${since}`;
  }
}

function ownersOf({ owners }: Extract<HolderWait, { type: 'lock' }>, byId: ReadonlyMap<string, HolderInfo>): string {
  return owners
    .map(({ backend, holderId, idle }) => {
      const holder = holderId === undefined ? undefined : byId.get(holderId);
      const doing = idle ? ', in which nothing runs' : '';
      return holder === undefined
        ? `backend ${backend.id} of another process${doing}`
        : `"${holder.name}" (backend ${backend.id})${doing}`;
    })
    .join(', ');
}

function onRelation(relation: string | undefined): string {
  return relation === undefined ? '' : ` on ${relation}`;
}

function cut(text: string): string {
  return text.length > longest ? `${text.slice(0, longest)}…` : text;
}

function time(milliseconds: number): string {
  return milliseconds < 1_000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1_000).toFixed(1)} s`;
}
