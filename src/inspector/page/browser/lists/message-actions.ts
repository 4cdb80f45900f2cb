import { cut } from '../parts/format.ts';
import type { Action } from './actions.ts';

/** A message that was set aside. */
export interface MessageSetAside {
  /** Where it is: the first part of its address, and of the names of its actions. */
  readonly list: 'outbox' | 'received';
  /** The channel or the consumer. */
  readonly owner: string;
  readonly number: string;
  /** What it is for, or of: `for orders`. */
  readonly whose: string;
  /** What becomes of it when it is replayed, behind its name. */
  readonly replayed: string;
  /** The same, before it is done. */
  readonly willBe: string;
}

/** What may be done with a message that was set aside. */
export function messageActions(message: MessageSetAside): { readonly replay: Action; readonly discard: Action } {
  const { list, owner, number, whose, replayed, willBe } = message;
  const path = `${list}/${encodeURIComponent(owner)}/${encodeURIComponent(number)}`;
  const which = `The message ${cut(number, 40)} ${whose}`;
  return {
    replay: {
      name: `${list}.replay`,
      label: 'Replay',
      done: `${which} ${replayed}.`,
      path: `${path}/replay`,
      question: {
        title: 'Replay this message?',
        text: `${which} ${willBe}.`,
        action: 'Replay message',
        isFinal: false,
      },
    },
    discard: {
      name: `${list}.discard`,
      label: 'Discard',
      done: `${which} was discarded.`,
      path: `${path}/discard`,
      question: {
        title: 'Discard this message?',
        text: `${which} is deleted with its payload. This cannot be undone.`,
        action: 'Discard message',
        isFinal: true,
      },
    },
  };
}
