import { type JobPushTrace, jobPushTrace, type TransactionTrace, transactionTrace } from '../../../channels/index.ts';
import { currentFrame } from '../../../context/index.ts';
import type { Sender } from './passage.ts';

/**
 * Whose transactions and jobs are: what is sent in them is sent by the actor that has begun the transaction, or waits for the answer
 * of the job. The async context does not tell: a library may send together what several ask for in one moment, and a job has another.
 */
export class Owners {
  /** By their ids. */
  readonly #transactions = new Map<string, Sender>();
  readonly #jobs = new Map<string, Sender>();
  readonly #begins: (message: unknown) => void;
  readonly #pushes: (message: unknown) => void;

  /** @param actorHere who begins and pushes what is being begun and pushed */
  constructor(actorHere: () => Sender | undefined) {
    this.#begins = (message) => note(this.#transactions, (message as TransactionTrace).id, actorHere());
    this.#pushes = (message) => {
      const { jobId, operation } = message as JobPushTrace;
      if (operation === 'request') note(this.#jobs, jobId, actorHere());
    };
    transactionTrace.channels.start.subscribe(this.#begins);
    jobPushTrace.channels.start.subscribe(this.#pushes);
  }

  /** The actor that the transaction or the job is of in which this is. */
  get actorHere(): Sender | undefined {
    const { innermost, job } = currentFrame() ?? {};
    const owner = innermost === undefined ? undefined : this.#transactions.get(innermost.record.id);
    return owner ?? (job === undefined ? undefined : this.#jobs.get(job.id));
  }

  close(): void {
    transactionTrace.channels.start.unsubscribe(this.#begins);
    jobPushTrace.channels.start.unsubscribe(this.#pushes);
  }
}

function note(owners: Map<string, Sender>, id: string, actor: Sender | undefined): void {
  if (actor !== undefined) owners.set(id, actor);
}
