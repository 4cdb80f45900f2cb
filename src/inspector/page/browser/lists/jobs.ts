import type { JobList, JobView, Snapshot } from '../../../index.ts';
import { byId, el } from '../parts/dom.ts';
import { count, cut, moment } from '../parts/format.ts';
import { type Action, buttonsOf, type WorkContext } from './actions.ts';
import { CountedList } from './counts.ts';
import { type Content, limit } from './list.ts';

/** The jobs: how many there are by queue and state, and a list of those that are asked for. */
export class JobsView {
  readonly #context: WorkContext;
  readonly #list = new CountedList('queues', 'jobs', ({ name, state }) => this.#read(name, state));

  constructor(context: WorkContext) {
    this.#context = context;
  }

  show({ queues }: Snapshot): void {
    byId('no-queues').hidden = queues.length > 0;
    this.#list.show(queues.map(({ name, jobs }) => ({ name, counts: jobs })));
  }

  async #read(queue: string, state: string): Promise<Content> {
    const query = new URLSearchParams({ queue, state, limit: String(limit) });
    const { jobs, hasMore } = await this.#context.api.get<JobList>(`jobs?${query.toString()}`);
    return {
      heads: ['Id', 'Added', 'Attempt', 'Level', 'Error', 'Do'],
      rows: jobs.map((job) => this.#row(job)),
      note:
        jobs.length === 0
          ? 'There are none'
          : hasMore
            ? `The newest ${count(jobs.length)}`
            : `All ${count(jobs.length)}`,
    };
  }

  #row(job: JobView): readonly (Node | string)[] {
    const { id, addedAt, attempt, attempts, level, error, payload } = job;
    const shown = { actions: actionsOf(job), payload, title: `Payload of job ${cut(id, 60)}` };
    return [
      cut(id, 60),
      addedAt === undefined ? '' : moment(addedAt),
      attempt === undefined ? '' : `${attempt}${attempts === undefined ? '' : ` of ${attempts}`}`,
      level === undefined ? '' : String(level),
      el('span', { class: 'error' }, error === undefined ? '' : cut(error, 300)),
      buttonsOf(shown, this.#context, () => this.#list.refresh()),
    ];
  }
}

function actionsOf({ queue, id, state }: JobView): readonly Action[] {
  const path = `jobs/${encodeURIComponent(queue)}/${encodeURIComponent(id)}`;
  const which = `job ${cut(id, 60)} of queue ${cut(queue, 60)}`;
  const retry: Action = {
    name: 'job.retry',
    label: 'Retry',
    done: `The ${which} runs again.`,
    path: `${path}/retry`,
    question: {
      title: 'Retry this job?',
      text: `The ${which} goes back into its queue, and runs again.`,
      action: 'Retry job',
      isFinal: false,
    },
  };
  const discard: Action = {
    name: 'job.discard',
    label: 'Discard',
    done: `The ${which} was discarded.`,
    path: `${path}/discard`,
    question: {
      title: 'Discard this job?',
      text: `The ${which} is deleted with its payload. This cannot be undone.`,
      action: 'Discard job',
      isFinal: true,
    },
  };
  if (state === 'active') return [];
  return state === 'failed' ? [retry, discard] : [discard];
}
