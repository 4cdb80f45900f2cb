import type { HolderWait } from './holder-info.ts';
import type { StandstillMember } from './standstill.ts';

/** Names the one who holds a lock; undefined where it is not known. */
export type NameOf = (holderId: string) => string | undefined;

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
      return `waits for a connection of client "${clientName}" ${since}`;
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
    case 'turn':
      return `a statement or scope of it waits for its turn ${since}: for another one of the transaction`;
    case 'code':
      return `waits for the program ${since}`;
  }
}

function ownersOf({ owners }: Extract<HolderWait, { type: 'lock' }>, nameOf: NameOf): string {
  return owners
    .map(({ backend, holderId, idle }) => {
      const name = holderId === undefined ? undefined : nameOf(holderId);
      const doing = idle ? ', in which nothing runs' : '';
      return name === undefined
        ? `backend ${backend.id} of another process${doing}`
        : `"${name}" (backend ${backend.id})${doing}`;
    })
    .join(', ');
}

function onRelation(relation: string | undefined): string {
  return relation === undefined ? '' : ` on ${relation}`;
}

export function timeInWords(milliseconds: number): string {
  return milliseconds < 1_000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1_000).toFixed(1)} s`;
}
