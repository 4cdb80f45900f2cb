import type { HolderView } from '../../../index.ts';
import { cut, duration } from '../parts/format.ts';
import type { Graph, Party } from './parties.ts';

/** What is shown of a name. */
const longest = 60;

/** What a party is called. */
export function nameOf(party: Party): string {
  switch (party.type) {
    case 'holder':
      return holderName(party.holder);
    case 'pool':
      return `pool ${cut(party.clientName, longest)}, level ${party.level}`;
    case 'job':
      return `job of ${cut(party.queue, longest)}`;
    case 'session':
      return cut(party.session.application, longest) || `session of ${cut(party.session.user, longest)}`;
    case 'backend':
      return `backend ${party.backendId}`;
  }
}

export function holderName({ kind, name }: Pick<HolderView, 'kind' | 'name'>): string {
  const shown = cut(name, longest);
  return kind === 'checkout' ? `checkout ${shown}` : shown;
}

/** Where a party is. */
export function whereOf(party: Party): string {
  switch (party.type) {
    case 'holder':
      return `${cut(party.place, longest)}, ${cut(party.holder.clientName, longest)} level ${party.holder.level}`;
    case 'pool':
      return cut(party.place, longest);
    case 'job':
      return cut(party.jobId, longest);
    case 'session':
      return `backend ${party.session.backendId} of ${cut(party.session.target, longest)}`;
    case 'backend':
      return party.idle ? 'in no process that is seen, its transaction is idle' : 'in no process that is seen';
  }
}

/** What a party does or waits for, with since when. */
export function stateOf(party: Party, graph: Graph): string {
  if (party.type === 'holder') return holderState(party.holder, graph);
  if (party.type === 'session') {
    const { blockedBy, state, for: time } = party.session;
    return blockedBy.length > 0
      ? `waits for a lock for ${duration(time)}`
      : `${cut(state, longest)} for ${duration(time)}`;
  }
  if (party.type === 'job') {
    const wait = graph.waits.get(party.id);
    if (wait === undefined) return 'waits in its queue, or runs without a connection';
    return wait.needs === 'any' ? 'waits in its queue: all slots of its lane are taken' : 'runs';
  }
  if (party.type === 'backend') return graph.waits.has(party.id) ? 'waits for a lock' : '';
  return '';
}

/** What a holder waits for. */
export function holderState({ waitsFor, clientName }: HolderView, graph: Graph): string {
  const since = `for ${duration(waitsFor.for)}`;
  switch (waitsFor.type) {
    case 'connection':
      return `waits for a connection of ${cut(clientName, longest)} ${since}${openingOf(waitsFor)}`;
    case 'lock': {
      const relation = waitsFor.relation === undefined ? '' : ` on ${cut(waitsFor.relation, longest)}`;
      return `waits for a lock${relation} ${since}`;
    }
    case 'transaction': {
      const inner = graph.parties.get(waitsFor.id);
      return `waits for ${inner === undefined ? 'what' : nameOf(inner)} inside of it ${since}`;
    }
    case 'job':
      return `waits for a job of ${cut(waitsFor.queue, longest)} ${since}`;
    case 'hook':
      return `runs its ${waitsFor.hook} hook ${since}`;
    case 'turn':
      return waitsFor.scope === undefined
        ? `waits for its turn: another statement or scope of its transaction goes first, ${since}`
        : `waits for the end of the savepoint ${cut(waitsFor.scope, longest)} inside of it ${since}`;
    case 'foreign':
      return `waits for ${cut(waitsFor.what, longest)} ${since}`;
    case 'server':
      return `is run by the server ${since}`;
    case 'code':
      return `is in the program ${since}`;
  }
}

function openingOf({ opening, refused }: Extract<HolderView['waitsFor'], { type: 'connection' }>): string {
  if (refused !== undefined) return `, which the server refuses (${cut(refused, longest)})`;
  return opening ? ', which is being opened' : '';
}
