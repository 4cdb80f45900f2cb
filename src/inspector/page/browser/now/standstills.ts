import type { Snapshot } from '../../../index.ts';
import { placeOf } from './parties.ts';
import { sentenceOf, type Standing, stepsOf } from './standing.ts';
import { standstillCard } from './standstill.ts';
import { byId, el, setText } from '../parts/dom.ts';
import { plural } from '../parts/format.ts';

/** What is drawn of standstills; how many more there are is said. */
const mostDrawn = 3;
const widest = 680;
const narrowest = 200;

/** The standstills, as cards. A picture that has not changed stays, with the focus in it; its times go on. */
export class StandstillCards {
  readonly #parent = byId('standstills');
  readonly #open: (id: string) => void;
  /** Nothing before anything was told. */
  #all: readonly Standing[] | undefined;
  #drawn = '';

  /** @param open shows more of a member */
  constructor(open: (id: string) => void) {
    this.#open = open;
    new ResizeObserver(() => {
      if (this.#all !== undefined) this.show(this.#all);
    }).observe(this.#parent);
  }

  show(all: readonly Standing[]): void {
    this.#all = all;
    byId('no-standstill').hidden = all.length > 0;
    const width = Math.min(widest, this.#parent.clientWidth - 34);
    const known = JSON.stringify([
      width,
      all.length,
      all
        .slice(0, mostDrawn)
        .map(({ kind, members }) => [kind, members.map(({ id, waitsFor, process }) => [id, waitsFor?.type, process])]),
    ]);
    if (width >= narrowest && known !== this.#drawn) this.#draw(all, width);
    if (width >= narrowest) this.#drawn = known;
    this.#tellTimes(all);
  }

  #draw(all: readonly Standing[], width: number): void {
    const cards = all.slice(0, mostDrawn).map((each) => standstillCard(each, width, this.#open));
    const more = all.length - cards.length;
    const rest = more > 0 ? [el('p', {}, `${plural(more, 'other standstill')} besides.`)] : [];
    this.#parent.replaceChildren(...cards, ...rest);
  }

  #tellTimes(all: readonly Standing[]): void {
    for (const [index, card] of [...this.#parent.querySelectorAll('.standstill')].entries()) {
      const standing = all[index];
      if (standing === undefined) continue;
      const texts = [sentenceOf(standing), ...stepsOf(standing).map(({ text }) => text)];
      for (const [at, element] of [...card.querySelectorAll('.sentence, .step')].entries())
        setText(element, texts[at] ?? '');
    }
  }
}

/** Those of a snapshot; with the process of each member, where there are several. */
export function standstillsOf({ standstills, processes, holders }: Snapshot): readonly Standing[] {
  if (processes.length < 2) return standstills;
  const places = new Map(processes.map((process) => [process.id, placeOf(process)]));
  const placeById = new Map(holders.shown.map(({ id, processId }) => [id, places.get(processId)]));
  return standstills.map((each) => ({
    ...each,
    members: each.members.map((member) => ({ ...member, process: placeById.get(member.id) })),
  }));
}
