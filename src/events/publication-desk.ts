import type { Db } from '../database/index.ts';
import {
  type IncompleteOptions,
  publicationCounts,
  readIncomplete,
  resubmitNamed,
  type ResubmitOptions,
  type StoredPublication,
  type StoredPublicationCounts,
} from './administration.ts';

/** A publication, as a process that may have its listener sees it. */
export interface EventPublication extends StoredPublication {
  /** Whether this process has the listener, for this event. One that no process has any longer keeps its publications. */
  readonly isRegistered: boolean;
}

/** A part of a list of publications. */
export interface PublicationPage {
  /** The publications, oldest first. */
  readonly publications: readonly EventPublication[];
  /** Where the list goes on; undefined at its end. */
  readonly cursor: string | undefined;
}

/** How many publications of a listener are not completed. */
export interface PublicationCounts extends Omit<StoredPublicationCounts, 'hasMore'> {
  /** Whether this process has the listener, for this event. */
  readonly isRegistered: boolean;
}

/** Whether this process has the listener of a publication, for its event. */
type IsRegistered = (publication: { readonly listener: string; readonly event: string }) => boolean;

/** Looks at the publications of a client that are not completed, and has them run again. */
export class PublicationDesk {
  readonly #db: Db;
  readonly #isRegistered: IsRegistered;

  constructor(db: Db, isRegistered: IsRegistered) {
    this.#db = db;
    this.#isRegistered = isRegistered;
  }

  async incomplete(options: IncompleteOptions): Promise<PublicationPage> {
    const { publications, cursor } = await readIncomplete('events.incomplete', this.#db, options);
    const isRegistered = this.#isRegistered;
    return { publications: publications.map((one) => ({ ...one, isRegistered: isRegistered(one) })), cursor };
  }

  async counts(): Promise<readonly PublicationCounts[]> {
    return (await publicationCounts(this.#db)).map(({ listener, event, published, processing, failed, lag }) => {
      const counted = { listener, event, published, processing, failed, lag };
      return { ...counted, isRegistered: this.#isRegistered(counted) };
    });
  }

  async resubmit(options: ResubmitOptions): Promise<number> {
    return await resubmitNamed('events.resubmit', this.#db, options);
  }
}
