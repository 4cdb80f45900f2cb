import { type JobPushTrace, jobPushTrace } from '../../../channels/index.ts';
import { currentFrame } from '../../../context/index.ts';
import type { Sender } from './passage.ts';

/** The jobs whose answers actors wait for. What their handlers send in this process is sent by the actor. */
export class AwaitedJobs {
  /** By the ids of the jobs. */
  readonly #actors = new Map<string, Sender>();
  readonly #note: (message: unknown) => void;

  /** @param actorHere who pushes what is being pushed */
  constructor(actorHere: () => Sender | undefined) {
    this.#note = (message) => {
      const { jobId, operation } = message as JobPushTrace;
      const actor = operation === 'request' ? actorHere() : undefined;
      if (actor !== undefined) this.#actors.set(jobId, actor);
    };
    jobPushTrace.channels.start.subscribe(this.#note);
  }

  /** The actor that waits for the job which this is a part of. */
  get actorHere(): Sender | undefined {
    const job = currentFrame()?.job;
    return job === undefined ? undefined : this.#actors.get(job.id);
  }

  close(): void {
    jobPushTrace.channels.start.unsubscribe(this.#note);
  }
}
