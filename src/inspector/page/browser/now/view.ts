import type { HolderView, ProcessView, Snapshot } from '../../../index.ts';
import type { Api } from '../parts/api.ts';
import { byId, el, setAttributes, setText, syncChildren } from '../parts/dom.ts';
import { cut, duration, plural } from '../parts/format.ts';
import { Tree } from '../parts/tree.ts';
import { Chains, summary, usedBy } from './chains.ts';
import { openDetail } from './detail.ts';
import { showLevels } from './levels.ts';
import { type Graph, graphOf, placeOf } from './parties.ts';
import { StandstillCards, standstillsOf } from './standstills.ts';

const mostProcesses = 100;

/** What is going on now. */
export class NowView {
  readonly #api: Api;
  readonly #tree = new Tree(byId('chains'));
  readonly #standstills = new StandstillCards((id) => this.#openMember(id));
  #last: { readonly snapshot: Snapshot; readonly graph: Graph } | undefined;

  constructor(api: Api) {
    this.#api = api;
  }

  show(snapshot: Snapshot): void {
    const graph = graphOf(snapshot);
    this.#last = { snapshot, graph };
    setText(byId('summary'), summary(snapshot));
    const chains = new Chains(graph, snapshot, (holder) => this.#open(holder));
    this.#tree.show(chains.items());
    byId('no-chains').hidden = graph.parties.size > 0 || snapshot.holders.groups.length > 0;
    showLevels(byId('pools'), snapshot.processes);
    byId('no-pools').hidden = snapshot.processes.some(({ pools }) => pools.length > 0);
    showProcesses(byId('processes'), snapshot);
    this.#standstills.show(standstillsOf(snapshot));
  }

  #openMember(id: string): void {
    const party = this.#last?.graph.parties.get(id);
    if (party?.type === 'holder') this.#open(party.holder);
  }

  #open(holder: HolderView): void {
    if (this.#last === undefined) return;
    const { graph, snapshot } = this.#last;
    openDetail(holder, { graph, processes: snapshot.processes }, this.#api);
  }
}

/** The processes of the fleet, those that do not answer first. */
function showProcesses(parent: HTMLElement, { processes, at }: Snapshot): void {
  const ordered = processes.toSorted(
    (one, other) => Number(one.status === 'answered') - Number(other.status === 'answered'),
  );
  syncChildren(parent, ordered.slice(0, mostProcesses), {
    keyOf: ({ id }) => id,
    create: () =>
      el('li', {}, el('span', { class: 'name' }), el('span', { class: 'state' }), el('span', { class: 'place' })),
    update: (element, process) => {
      const [name, state, place] = element.children;
      if (name !== undefined) setText(name, cut(placeOf(process), 60));
      if (state !== undefined) setText(state, statusOf(process, at));
      if (place !== undefined)
        setText(
          place,
          `on ${cut(process.host, 60)}, Node.js ${cut(process.nodeVersion, 20)}, Sluice ${cut(process.version, 20)}`,
        );
      setAttributes(element, { class: process.status === 'answered' ? undefined : 'bad' });
    },
  });
}

function statusOf(process: ProcessView, now: number): string {
  const { status, since, waiting, isInspector } = process;
  const time = since === undefined ? '' : ` for ${duration(Math.max(0, now - since))}`;
  switch (status) {
    case 'answered':
      return `${plural(usedBy(process), 'holds', 'hold')}, ${plural(waiting, 'waits', 'wait')}${isInspector ? '; shows this page' : ''}`;
    case 'silent':
      return `has not answered${time}`;
    case 'garbled':
      return `has sent what cannot be read${time}`;
    case 'tooLarge':
      return `has sent more than is taken${time}`;
  }
}
