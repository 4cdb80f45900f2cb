import { AsyncLocalStorage } from 'node:async_hooks';
import type { TransactionalClient } from '../../../connection/index.ts';
import { currentFrame } from '../../../context/index.ts';
import type { DriverConnection, Exchange, Failure, Statement, Step } from '../../../driver/index.ts';
import { CallTrail } from '../../call-trail.ts';
import { override } from '../../override.ts';
import { readsThenCommits, sendInTwo } from './lone-statement.ts';
import { Owners } from './owners.ts';
import { Passage, type Sender } from './passage.ts';

const nowhere = 'an unknown place';

/** What is sent in place of a statement. @param place where it comes from */
export type Rewrite = (statement: Statement, place: string | undefined) => Statement;

/**
 * Where exchanges of actors stop until they are let through. It stands on the connections while they are held, below all
 * libraries; what no actor has sent passes.
 */
export class Gate {
  readonly #actors = new AsyncLocalStorage<Sender>();
  #owners: Owners | undefined;
  readonly #trail = new CallTrail(() => this.#actorHere !== undefined);
  readonly #held = new Set<Passage>();
  /** Why nothing more is let through. */
  #closed: { readonly error: unknown } | undefined;
  readonly #rewrite: Rewrite | undefined;
  /** The places of what no actor has sent since it was asked for. */
  #strays = new Set<string>();

  /** @param rewrite what is sent in place of a statement of an actor */
  constructor(rewrite?: Rewrite) {
    this.#rewrite = rewrite;
  }

  /** Runs what an actor does: what it sends is stopped. */
  runAs<Result>(actor: Sender, body: () => Result): Result {
    return this.#actors.run(actor, body);
  }

  /** From now on what is done in their transactions, and in jobs whose answers they wait for, is done by actors. @returns ends that */
  follow(): () => void {
    const owners = new Owners(() => this.#actorHere);
    this.#owners = owners;
    const unfollow = this.#trail.follow();
    return () => {
      unfollow();
      this.#owners = undefined;
      owners.close();
    };
  }

  get #actorHere(): Sender | undefined {
    return this.#owners?.actorHere ?? this.#actors.getStore();
  }

  /** The places of what no actor has sent since the last call. */
  takeStrays(): readonly string[] {
    const places = [...this.#strays];
    this.#strays = new Set();
    return places;
  }

  /** Refuses what is held, and what still comes but for rollbacks. */
  close(error: unknown): void {
    this.#closed = { error };
    for (const passage of this.#held) passage.refuse({ kind: 'cancelled', error });
  }

  /** Stands on a connection from now on. @returns takes it off again */
  stand(client: TransactionalClient, connection: DriverConnection): () => void {
    const run = connection.run.bind(connection);
    const cancel = connection.cancel.bind(connection);
    const destroy = connection.destroy.bind(connection);
    const sendAhead = connection.sendAhead?.bind(connection);
    const runEach = connection.runEach?.bind(connection);
    let passage: Passage | undefined;
    let user: string | undefined;
    const refuse = (kind: Failure['kind'], what: string): void =>
      passage?.refuse({ kind, error: new Error(what), ...(kind === 'connectionLost' ? { reached: 'unsent' } : {}) });
    const gated: Partial<DriverConnection> = {
      run: async (steps) => {
        const actor = this.#actorHere;
        // What a driver asks its own connection for belongs to what was let through.
        if (actor === undefined && passage === undefined) this.#noteStray(gated.run ?? run);
        if (actor === undefined || (passage !== undefined && passage.state !== 'held')) return await run(steps);
        const sharedWith = user === undefined || user === actor.name ? undefined : user;
        user = actor.name;
        const place = this.#trail.placeOf(gated.run ?? run);
        const isLone = readsThenCommits(steps, connection.status);
        const pass = async (own: readonly Step[], send: DriverConnection['run']): Promise<Exchange> => {
          if (this.#closed !== undefined)
            return isEnd(own) ? await send(own) : failed({ kind: 'cancelled', error: this.#closed.error });
          passage = new Passage(actor, { client, connection, sharedWith }, { steps: own, place, isLone });
          try {
            return await this.#pass(passage, send);
          } finally {
            passage = undefined;
          }
        };
        const rewritten = this.#rewritten(steps, place);
        return isLone ? await sendInTwo(rewritten, { connection, run, pass }) : await pass(rewritten, run);
      },
      cancel: async () => {
        if (passage?.state === 'held') refuse('cancelled', 'the statement was cancelled before it was sent');
        else await cancel();
      },
      destroy: async () => {
        refuse('connectionLost', 'the connection was cut before the statement was sent');
        await destroy();
      },
    };
    // One at a time is let through: nothing travels ahead, or with others.
    if (sendAhead !== undefined) gated.sendAhead = (given) => this.#actorHere === undefined && sendAhead(given);
    if (runEach !== undefined) gated.runEach = (given) => (this.#actorHere === undefined ? runEach(given) : undefined);
    return override(connection, gated);
  }

  /** What Sluice does for itself, such as to forget what its inbox no longer needs, changes nothing that an actor sees. */
  #noteStray(below: DriverConnection['run']): void {
    if (currentFrame()?.isBare !== true) this.#strays.add(this.#trail.placeOf(below) ?? nowhere);
  }

  #rewritten(steps: readonly Step[], place: string | undefined): readonly Step[] {
    const rewrite = this.#rewrite;
    if (rewrite === undefined) return steps;
    return steps.map((step) =>
      step.type === 'statement' ? { type: 'statement', statement: rewrite(step.statement, place) } : step,
    );
  }

  async #pass(passage: Passage, send: DriverConnection['run']): Promise<Exchange> {
    this.#held.add(passage);
    passage.actor.arrives(passage);
    const refused = await passage.gone;
    this.#held.delete(passage);
    if (refused !== undefined) return failed(refused);
    let exchange: Exchange | undefined;
    try {
      exchange = await send(passage.steps);
      return exchange;
    } finally {
      passage.answered(exchange);
    }
  }
}

function isEnd(steps: readonly Step[]): boolean {
  return steps.every(({ type }) => type === 'rollback' || type === 'rollbackTo');
}

function failed(failure: Failure): Exchange {
  return { completed: 0, results: [], failure, ended: undefined };
}
