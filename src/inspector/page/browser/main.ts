import type { Snapshot } from '../../index.ts';
import { NowView } from './now/view.ts';
import { createApi, keepToken, takeToken } from './parts/api.ts';
import { byId, el, setText, syncChildren } from './parts/dom.ts';
import { count, cut, duration, moment, plural } from './parts/format.ts';
import { Link, type LinkState } from './parts/link.ts';
import { startTabs } from './parts/tabs.ts';
import { Record15 } from './time/record.ts';
import { TimeView } from './time/view.ts';
import { JobsView } from './lists/jobs.ts';
import { OutboxView } from './lists/outbox.ts';
import { PublicationsView } from './lists/publications.ts';
import { MessagesReceivedView } from './lists/received.ts';
import { SagasView } from './lists/sagas.ts';

let token = takeToken();
let last: Snapshot | undefined;
let shown = '';
let isAsked = false;
let state: LinkState = { type: 'connecting' };
let lostAt = 0;

const api = createApi(() => token);
const record = new Record15();
const context = { api, snapshot: () => last };
const now = new NowView(api);
const time = new TimeView(byId('plots'), record);
const jobs = new JobsView(context);
const outbox = new OutboxView(context);
const received = new MessagesReceivedView(context);
const sagas = new SagasView(context);
const publications = new PublicationsView(context);

startTabs(byId('tabs'), (name) => {
  shown = name;
  // It was said of what another tab shows.
  setText(byId('outcome'), '');
  draw();
});
void new Link(api, take, showState).run(nextToken);
setInterval(tick, 1_000);
document.addEventListener('visibilitychange', () => draw());

/** What comes faster than it can be drawn is drawn once; what no one sees is not drawn. */
function take(snapshot: Snapshot): void {
  last = snapshot;
  record.add(snapshot);
  if (isAsked || document.hidden) return;
  isAsked = true;
  requestAnimationFrame(() => {
    isAsked = false;
    draw();
  });
}

function draw(): void {
  if (last === undefined) return;
  showHead(last);
  switch (shown) {
    case 'now':
      now.show(last);
      break;
    case 'time':
      time.show(last.at);
      break;
    case 'jobs':
      jobs.show(last);
      break;
    case 'outbox':
      outbox.show(last);
      received.show(last);
      break;
    case 'sagas':
      sagas.show(last);
      break;
    case 'publications':
      publications.show(last);
      break;
  }
}

function showHead({ processes, problems, channels, received }: Snapshot): void {
  setText(byId('fleet'), plural(processes.length, 'process', 'processes'));
  syncChildren(byId('problems'), problems.slice(0, 20), {
    keyOf: (problem) => problem,
    create: (problem) => el('li', {}, cut(problem, 300)),
    update: () => {},
  });
  const parked = [...channels, ...received.map((each) => each.received)].reduce(
    (sum, each) => sum + (each['parked'] ?? 0),
    0,
  );
  setText(byId('parked'), parked === 0 ? '' : count(parked));
}

function showState(next: LinkState): void {
  state = next;
  if (next.type === 'lost') lostAt = Date.now();
  document.body.dataset['link'] = next.type;
  byId('token').hidden = next.type !== 'refused';
  byId('lost').hidden = next.type !== 'lost';
  const words = { connecting: 'Connecting', live: 'Live', lost: 'Connection lost', refused: 'Token wanted' };
  setText(byId('state'), words[next.type]);
  if (next.type === 'lost') setText(byId('lost-why'), lostText(next));
  if (next.type === 'refused') byId('token-input').focus();
}

function lostText({ since, why }: Extract<LinkState, { type: 'lost' }>): string {
  const shownFrom = last === undefined ? 'Nothing was shown yet' : `What is shown is from ${moment(since)}`;
  return `The connection to the process is lost: ${cut(why, 200)}. ${shownFrom}.`;
}

/** Counts to the next try; that is not read out, which would be a sentence a second. */
function tick(): void {
  if (state.type !== 'lost') return;
  const left = Math.max(0, state.retryIn - (Date.now() - lostAt));
  setText(
    byId('lost-next'),
    left < 100 ? 'Trying again...' : `Trying again in ${duration(Math.ceil(left / 1_000) * 1_000)}.`,
  );
}

/** Waits until someone gives a token. */
async function nextToken(): Promise<void> {
  const form = byId('token');
  const input = byId('token-input');
  await new Promise<void>((resolve) => {
    const take = (event: Event): void => {
      event.preventDefault();
      if (!(input instanceof HTMLInputElement) || input.value === '') return;
      token = input.value.trim();
      input.value = '';
      keepToken(token);
      form.removeEventListener('submit', take);
      resolve();
    };
    form.addEventListener('submit', take);
  });
}
