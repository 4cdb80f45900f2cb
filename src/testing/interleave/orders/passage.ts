import type { TransactionalClient } from '../../../connection/index.ts';
import type { DriverConnection, Exchange, Failure, Statement, Step } from '../../../driver/index.ts';

/** Who sends exchanges, and is told what becomes of each. */
export interface Sender {
  readonly name: string;
  arrives(passage: Passage): void;
  goes(passage: Passage): void;
  leaves(passage: Passage): void;
}

/** An exchange of an actor on its way through the gate. */
export class Passage {
  readonly actor: Sender;
  readonly client: TransactionalClient;
  readonly connection: DriverConnection;
  readonly steps: readonly Step[];
  /** Another actor that has used the same hold of the connection. */
  readonly sharedWith: string | undefined;
  /** The place in the program that it comes from, as `file:line:column`, where it is known. */
  readonly place: string | undefined;
  /** Whether it is a statement by itself that is sent as a transaction. */
  readonly isLone: boolean;
  state: 'held' | 'running' | 'blocked' | 'done' = 'held';
  /** When it was sent, or something happened that may have freed it; by `performance.now()`. */
  since = 0;
  /** Those that it has waited for. */
  blockedBy: readonly string[] = [];
  exchange: Exchange | undefined;
  readonly #gone = Promise.withResolvers<Failure | undefined>();

  constructor(
    actor: Sender,
    { client, connection, sharedWith }: Pick<Passage, 'client' | 'connection' | 'sharedWith'>,
    { steps, place, isLone }: Pick<Passage, 'steps' | 'place' | 'isLone'>,
  ) {
    this.actor = actor;
    this.client = client;
    this.connection = connection;
    this.sharedWith = sharedWith;
    this.steps = steps;
    this.place = place;
    this.isLone = isLone;
  }

  get statements(): readonly Statement[] {
    return this.steps.flatMap((step) => (step.type === 'statement' ? [step.statement] : []));
  }

  /** Resolves when it is let through, or to why it is not. */
  get gone(): Promise<Failure | undefined> {
    return this.#gone.promise;
  }

  letThrough(): void {
    this.state = 'running';
    this.since = performance.now();
    this.actor.goes(this);
    this.#gone.resolve(undefined);
  }

  /** Answers it without the server, if it has not been let through. */
  refuse(failure: Failure): void {
    if (this.state !== 'held') return;
    this.state = 'done';
    this.actor.leaves(this);
    this.#gone.resolve(failure);
  }

  /** @param exchange what came of it; nothing where it could not be sent */
  answered(exchange: Exchange | undefined): void {
    this.state = 'done';
    this.exchange = exchange;
    this.actor.leaves(this);
  }
}
