import type { HolderWait, LockOwner } from './holder-info.ts';
import type { StandstillMember } from './standstill.ts';
import { keyOf } from './wait-graph.ts';

/** Names the one who holds a lock; undefined where it is not known. */
export type NameOf = (owner: LockOwner) => string | undefined;

/** A holder, or what stands still. */
export function nameInWords({ kind, name }: Pick<StandstillMember, 'kind' | 'name'>): string {
  if (kind === 'statement') return name;
  return kind === 'backend' ? `backend ${name}` : `${kind} "${name}"`;
}

/** What a holder waits for, and for how long. */
export function waitInWords(clientName: string | undefined, waitsFor: HolderWait, nameOf: NameOf): string {
  const since = `for ${timeInWords(waitsFor.for)}`;
  switch (waitsFor.type) {
    case 'connection':
      return `waits for a connection of client "${clientName}" ${since}${openingInWords(waitsFor)}`;
    case 'lock':
      return `waits for a lock${onRelation(waitsFor.relation)} ${since}, held by ${ownersOf(waitsFor, nameOf)}`;
    case 'server':
      return `the server has run it ${since}`;
    case 'transaction':
      return `waits for the transaction inside of it ${since}`;
    case 'job':
      return `waits for job ${waitsFor.jobId} of queue "${waitsFor.queue}" ${since}`;
    case 'hook':
      return `waits for its ${waitsFor.hook} hook ${since}`;
    case 'foreign':
      return `waits for ${waitsFor.what} ${since}`;
    case 'turn':
      if (waitsFor.scope !== undefined)
        return `a statement or scope of it waits for the end of the savepoint "${waitsFor.scope}" inside of it ${since}`;
      return `a statement or scope of it waits for its turn ${since}: for another one of the transaction`;
    case 'code':
      return `waits for the program ${since}`;
  }
}

function ownersOf({ owners }: Extract<HolderWait, { type: 'lock' }>, nameOf: NameOf): string {
  return owners
    .map((owner) => {
      const { backend, idle } = owner;
      const name = nameOf(owner);
      const doing = idle ? ', in which nothing runs' : '';
      return name === undefined
        ? `backend ${backend.id} of another process${doing}`
        : `"${name}" (backend ${backend.id})${doing}`;
    })
    .join(', ');
}

function openingInWords({ opening, refused }: Extract<HolderWait, { type: 'connection' }>): string {
  if (refused !== undefined) return `, which the server refuses (${refused})`;
  return opening ? ', which is being opened' : '';
}

function onRelation(relation: string | undefined): string {
  return relation === undefined ? '' : ` on ${relation}`;
}

export function timeInWords(milliseconds: number): string {
  return milliseconds < 1_000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1_000).toFixed(1)} s`;
}

/** Names those in a list, also where another list knows the holder. */
export function namesIn(those: readonly Pick<StandstillMember, 'id' | 'name' | 'backend' | 'kind'>[]): NameOf {
  const names = new Map<string, string>();
  for (const { id, name, backend, kind } of those) {
    if (kind === 'savepoint' || kind === 'backend') continue;
    names.set(id, name);
    if (backend !== undefined) names.set(keyOf(backend), name);
  }
  return ({ holderId, backend }) => names.get(holderId ?? '') ?? names.get(keyOf(backend));
}
