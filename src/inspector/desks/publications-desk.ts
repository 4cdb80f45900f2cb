import { SluiceError } from '../../core/index.ts';
import type { Db } from '../../database/index.ts';
import {
  listPublications,
  publicationCounts,
  resubmitPublications,
  type StoredPublication,
  type StoredPublicationCounts,
} from '../../events/index.ts';
import type { ActionAnswer, PublicationCountsView, PublicationList, PublicationView } from '../work-views.ts';
import { mostCounted } from './most-counted.ts';

const states = ['published', 'processing', 'failed'] as const;
type State = (typeof states)[number];

/** Counts and lists publications of transactional events that are not completed, and has them run again. */
export class PublicationsDesk {
  readonly #db: Db;

  constructor(db: Db) {
    this.#db = db;
  }

  /** How many there are, by listener; none where the tables have not been made yet. @throws what the server answers */
  async counts(): Promise<readonly PublicationCountsView[]> {
    try {
      const counts = await publicationCounts(this.#db, { limit: mostCounted });
      // A listener whose event was another one before has those of both.
      return [...Map.groupBy(counts, ({ listener }) => listener)].map(([name, group]) => ({
        name,
        publications: Object.fromEntries(states.map((state) => [state, sumOf(group, state)])),
        lag: Math.max(...group.map(({ lag }) => lag)),
        atLeast: group.some(({ hasMore }) => hasMore) ? states : [],
      }));
    } catch (error) {
      if (SluiceError.find(error)?.code === 'EVENT_TABLES_MISSING') return [];
      throw error;
    }
  }

  /** Those of a listener in a state; nothing where there is no such state. @throws what the server answers */
  async list(listener: string, state: string, limit: number): Promise<PublicationList | undefined> {
    if (!isState(state)) return undefined;
    const { publications, cursor } = await listPublications(this.#db, { listener, state, limit });
    return { publications: publications.map(viewOf), hasMore: cursor !== undefined };
  }

  /** Has one run again that has failed or waits for its next attempt. @throws what the server answers */
  async resubmit(number: string): Promise<ActionAnswer> {
    if ((await resubmitPublications(this.#db, { numbers: [number] })) > 0) return { done: true };
    return { done: false, why: 'It runs now, or is completed: nothing was done.' };
  }
}

function sumOf(group: readonly StoredPublicationCounts[], state: State): number {
  return group.reduce((sum, counts) => sum + counts[state], 0);
}

function viewOf(publication: StoredPublication): PublicationView {
  const { number, event, eventId, listener, state, attempts, publishedAt, dueAt, lastError } = publication;
  return {
    listener,
    number,
    event,
    eventId,
    state,
    attempts,
    publishedAt: publishedAt.getTime(),
    ...(dueAt === undefined ? {} : { dueAt: dueAt.getTime() }),
    ...(lastError === undefined ? {} : { error: lastError }),
  };
}

function isState(state: string): state is State {
  return states.some((each) => each === state);
}
