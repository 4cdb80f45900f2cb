import type { DatabaseAddress } from '../channels/index.ts';
import { type Clock, type HistoryEntry, LinkedList, nextId } from '../core/index.ts';
import type { HeldByJob } from './base-level.ts';
import type { Ancestor } from './chain-context.ts';

/** Where something happens, and how SQL is shown there. */
export interface HistorySubject {
  readonly name: string;
  readonly level: number;
  readonly client: RecordedClient;
}

/** One entry while it can still change. It keeps texts, never values. */
export class HistoryNote {
  readonly at: number;
  readonly event: HistoryEntry['event'];
  readonly texts: string | readonly string[] | undefined;
  private readonly subject: HistorySubject;
  private endedAt: number | undefined;
  private rowCount: number | undefined;
  private failure: string | undefined;

  constructor(at: number, event: HistoryEntry['event'], subject: HistorySubject, texts: HistoryNote['texts']) {
    this.at = at;
    this.event = event;
    this.subject = subject;
    this.texts = texts;
  }

  end(at: number, rowCount?: number, failure?: string): void {
    this.endedAt = at;
    this.rowCount = rowCount;
    this.failure = failure;
  }

  read(since: number): HistoryEntry {
    const { at, event, subject, texts, endedAt } = this;
    const { name } = subject.client;
    const inWords = (text: string): string => (event === 'statement' ? subject.client.show(text) : text);
    const shown = typeof texts === 'string' ? inWords(texts) : texts?.map(inWords).join('; ');
    return {
      at: at - since,
      event,
      transaction: subject.name,
      clientName: name,
      level: subject.level,
      text: shown === undefined || shown.length <= longestText ? shown : `${shown.slice(0, longestText)}…`,
      duration: endedAt === undefined ? undefined : endedAt - at,
      rowCount: this.rowCount,
      error: this.failure,
    };
  }
}

const most = 16;
const longestText = 120;

/** The last 16 things that happened in a chain. One for all its transactions, and their attempts, in this process. */
export class ChainHistory {
  private readonly since: number;
  private readonly notes: HistoryNote[] = [];
  private next = 0;

  constructor(since: number) {
    this.since = since;
  }

  note(at: number, event: HistoryEntry['event'], subject: HistorySubject, texts?: HistoryNote['texts']): HistoryNote {
    const note = new HistoryNote(at, event, subject, texts);
    this.notes[this.next] = note;
    this.next = (this.next + 1) % most;
    return note;
  }

  /** What has happened until now, oldest first; made into text only when it is read. */
  taken(): () => readonly HistoryEntry[] {
    const { notes, next, since } = this;
    const inOrder = [...notes.slice(next), ...notes.slice(0, next)];
    return () => inOrder.map((note) => note.read(since));
  }
}

/** An awaited job. */
export interface JobWait {
  /** Says which wait it is. */
  readonly type: 'job';
  /** The name of the queue. */
  readonly queue: string;
  /** The job's UUID. */
  readonly jobId: string;
  /** The level at which it runs: its lane. */
  readonly level: number;
}

/** A hook that runs. */
export interface HookWait {
  /** Says which wait it is. */
  readonly type: 'hook';
  /** When it runs. */
  readonly hook: 'beforeCommit' | 'afterCommit' | 'afterRollback' | 'afterCompletion';
}

/** Another statement or scope of the same transaction. */
export interface TurnWait {
  /** Says which wait it is. */
  readonly type: 'turn';
  /** The name of the savepoint inside of the transaction whose end is waited for; undefined where it is a statement's. */
  readonly scope: string | undefined;
  /** Whether it is asked for out of the body of that savepoint: if that awaits it, neither ends. */
  readonly inside: boolean;
}

/** A call to another server or program. */
export interface ForeignWaiting {
  /** Says which wait it is. */
  readonly type: 'foreign';
  /** What is called, in words: without paths, queries and credentials. */
  readonly what: string;
}

/** What a transaction waits for that is neither its server nor its pool, told by who has it wait. */
export type NotedWait = JobWait | HookWait | TurnWait | ForeignWaiting;

/** A wait that has not ended, with when it began. */
export interface OpenWait {
  readonly wait: NotedWait;
  /** By the clock of the client, in milliseconds. */
  readonly since: number;
}

/** What is known of a client where transactions on it are recorded. */
export interface RecordedClient {
  readonly name: string;
  /** Names its pool among all of all processes. */
  readonly poolId: string;
  /** That the server has not given the connections that were asked for yet; undefined where none is being opened. */
  readonly shortage: { readonly cause: unknown } | undefined;
  readonly clock: Clock;
  /** What telemetry calls its database. */
  readonly address: DatabaseAddress;
  /** A statement for those who look on: without literals. */
  readonly show: (text: string) => string;
}

export interface TransactionRecordSettings {
  readonly client: RecordedClient;
  readonly level: number;
  readonly name: string;
  /** Of the transaction around it. */
  readonly outer: TransactionRecord | undefined;
  /** Names what came into the process from outside, if it belongs to that. */
  readonly entryId: string | undefined;
  /** The transactions above it in other processes, outermost first. */
  readonly ancestors: readonly Ancestor[];
  /** The job that its chain began with, if it was one. */
  readonly job?: HeldByJob | undefined;
  /** Of the attempt before it. */
  readonly previous: TransactionRecord | undefined;
  readonly openedAt: number;
  /** How many attempts its call may have. Default 1. */
  readonly attempts?: number | undefined;
}

/** What is kept of an open transaction for those who look on: its names, its chain's history, and what it waits for. */
export class TransactionRecord implements HistorySubject {
  readonly client: RecordedClient;
  readonly level: number;
  readonly name: string;
  /** 1 for the first. */
  readonly attempt: number;
  /** How many attempts its call may have. */
  readonly attempts: number;
  readonly history: ChainHistory;
  /** By the clock of the client, in milliseconds. */
  readonly openedAt: number;
  /** The transactions above it in other processes, outermost first. */
  readonly ancestors: readonly Ancestor[];
  /** The job that its chain began with in this process, if it was one. */
  readonly job: HeldByJob | undefined;
  /** Names what came into the process from outside, and has the transaction as a part. */
  readonly entryId: string | undefined;
  // Private to the type alone: another copy of the package knows it too.
  private ownId: string | undefined;
  private readonly chain: TransactionRecord | string | undefined;
  private open: LinkedList<OpenWait> | undefined;

  constructor(settings: TransactionRecordSettings) {
    const { client, level, name, outer, entryId, ancestors, job, previous, openedAt, attempts = 1 } = settings;
    this.client = client;
    this.level = level;
    this.name = name;
    this.attempt = previous === undefined ? 1 : previous.attempt + 1;
    this.attempts = attempts;
    this.openedAt = openedAt;
    this.history = outer?.history ?? previous?.history ?? new ChainHistory(openedAt);
    this.ancestors = ancestors;
    this.job = job;
    this.ownId = undefined;
    this.entryId = entryId;
    this.chain = outer ?? entryId ?? previous?.chainId;
    this.open = undefined;
  }

  /** Made when it is first asked for: most transactions are never named. */
  get id(): string {
    return (this.ownId ??= nextId());
  }
  /** The same for all transactions of a chain in this process. */
  get chainId(): string {
    const { chain } = this;
    if (chain === undefined) return this.id;
    return typeof chain === 'string' ? chain : chain.chainId;
  }
  /** The transaction's own event, which requests for its connection are a part of. */
  get eventId(): string {
    return this.id;
  }
  /** The transaction around it, or what came from outside. */
  get parentId(): string | undefined {
    return typeof this.chain === 'object' ? this.chain.id : this.entryId;
  }
  /** What it waits for now, the latest first. */
  get waits(): readonly OpenWait[] {
    return this.open === undefined ? [] : [...this.open].reverse();
  }

  /** @param texts the SQL of statements, or what it is about */
  note(event: HistoryNote['event'], texts?: HistoryNote['texts']): HistoryNote {
    return this.history.note(this.client.clock.now(), event, this, texts);
  }

  /** Notes that something of the transaction waits. @returns ends that */
  waitsFor(wait: NotedWait): () => void {
    const since = this.client.clock.now();
    const open = (this.open ??= new LinkedList());
    const node = open.push({ wait, since });
    const about = wait.type === 'job' ? `job ${wait.queue}` : wait.type === 'foreign' ? wait.what : undefined;
    const note = about === undefined ? undefined : this.history.note(since, 'wait', this, about);
    let hasEnded = false;
    return () => {
      if (hasEnded) return;
      hasEnded = true;
      open.remove(node);
      note?.end(this.client.clock.now());
    };
  }
}
