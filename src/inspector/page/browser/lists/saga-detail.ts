import type { SagaDetailView, SagaView } from '../../../index.ts';
import { openDialog } from '../parts/dialog.ts';
import { el } from '../parts/dom.ts';
import { count, cut, moment } from '../parts/format.ts';
import type { WorkContext } from './actions.ts';

/** Shows what is recorded of a saga, as it is when it is asked for. */
export function detailButton({ saga, id }: SagaView, { api }: WorkContext): HTMLButtonElement {
  const button = el('button', { type: 'button' }, 'Steps');
  const show = async (): Promise<void> => {
    const path = `sagas/${encodeURIComponent(saga)}/${encodeURIComponent(id)}`;
    const content = await api
      .get<SagaDetailView>(path)
      .then(parts, (error: unknown) => [
        el('p', {}, `It could not be read: ${error instanceof Error ? cut(error.message, 300) : ''}`),
      ]);
    const close = el('button', { type: 'button', autofocus: true }, 'Close');
    const title = `Saga ${cut(saga, 60)} ${cut(id, 60)}`;
    const dialog = openDialog(title, ...content, el('div', { class: 'buttons' }, close));
    close.addEventListener('click', () => dialog.close());
  };
  button.addEventListener('click', () => void show());
  return button;
}

function parts({ status, version, steps, waits, children, leftOut }: SagaDetailView): readonly HTMLElement[] {
  return [
    el('p', {}, `Version ${version}, ${cut(status, 30)}`),
    ...part(
      'Steps',
      steps.map(({ name, state, at }) => `${cut(name)}: ${cut(state, 30)}, ${moment(at)}`),
    ),
    ...part('Sleeps and waits', waits.map(waitText)),
    ...part(
      'Children',
      children.map((child) => {
        const { name, saga, id, startedAt, endedAt } = child;
        const times = `since ${moment(startedAt)}${endedAt === undefined ? '' : `, ended ${moment(endedAt)}`}`;
        return `${cut(name)}: saga ${cut(saga, 60)} ${cut(id)}, ${cut(child.status, 30)}, ${times}`;
      }),
    ),
    ...(leftOut === 0 ? [] : [el('p', {}, `${count(leftOut)} earlier ones are not shown.`)]),
  ];
}

function waitText({ name, until, endedAt }: SagaDetailView['waits'][number]): string {
  const times = [
    ...(until === undefined ? [] : [`until ${moment(until)}`]),
    ...(endedAt === undefined ? [] : [`ended ${moment(endedAt)}`]),
  ];
  return `${cut(name)}: ${times.join(', ')}`;
}

/** Nothing where there are none. */
function part(title: string, lines: readonly string[]): readonly HTMLElement[] {
  if (lines.length === 0) return [];
  return [el('h3', {}, title), el('ul', { 'aria-label': title }, ...lines.map((line) => el('li', {}, line)))];
}
