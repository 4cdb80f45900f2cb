import type { JobList, JobView, QueueView, Snapshot } from '../../../index.ts';
import { byId, el, setAttributes, setText, syncChildren } from '../parts/dom.ts';
import { count, cut, moment } from '../parts/format.ts';
import { type Action, buttonsOf, type WorkContext } from './actions.ts';
import { type Content, limit, WorkList } from './list.ts';

const mostQueues = 200;

/** The jobs: how many there are by queue and state, and a list of those that are asked for. */
export class JobsView {
  readonly #context: WorkContext;
  readonly #list = new WorkList('jobs', () => this.#read());
  #chosen: { readonly queue: string; readonly state: string } | undefined;

  constructor(context: WorkContext) {
    this.#context = context;
  }

  show({ queues }: Snapshot): void {
    byId('no-queues').hidden = queues.length > 0;
    syncChildren(byId('queues'), queues.slice(0, mostQueues), {
      keyOf: ({ name }) => name,
      create: () => el('li', {}, el('span', { class: 'name' }), el('span', { class: 'buttons' })),
      update: (element, queue) => this.#showQueue(element, queue),
    });
  }

  #showQueue(element: HTMLElement, { name, jobs }: QueueView): void {
    const [title, choices] = element.children;
    if (title === undefined || choices === undefined) return;
    setText(title, cut(name, 80));
    syncChildren(choices, Object.entries(jobs), {
      keyOf: ([state]) => state,
      create: ([state]) => {
        const button = el('button', { type: 'button' });
        button.addEventListener('click', () => this.#choose(name, state));
        return button;
      },
      update: (button, [state, number]) => {
        const text = `${count(number)} ${cut(state, 30)}`;
        setText(button, text);
        const isChosen = this.#chosen?.queue === name && this.#chosen.state === state;
        setAttributes(button, { 'aria-pressed': String(isChosen), 'aria-label': `${cut(name, 80)}: ${text}` });
      },
    });
  }

  #choose(queue: string, state: string): void {
    this.#chosen = { queue, state };
    const snapshot = this.#context.snapshot();
    if (snapshot !== undefined) this.show(snapshot);
    void this.#list.read(`${cut(queue, 80)}: ${cut(state, 30)}`);
  }

  async #read(): Promise<Content> {
    const query = new URLSearchParams({ ...this.#chosen, limit: String(limit) });
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
      buttonsOf(shown, this.#context, () => void this.#list.read()),
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
