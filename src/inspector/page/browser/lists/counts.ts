import { byId, el, setAttributes, setText, syncChildren } from '../parts/dom.ts';
import { count, cut } from '../parts/format.ts';
import { type Content, WorkList } from './list.ts';

/** The most lines of counts. */
const most = 200;

/** Something of which there are so many in each state. */
export interface Counted {
  readonly name: string;
  readonly counts: Readonly<Record<string, number>>;
  /** The states of which there may be more than were counted. Default: none. */
  readonly atLeast?: readonly string[];
  /** What else is said of it. Default: nothing. */
  readonly note?: string;
}

/** What of it is listed. */
interface Chosen {
  readonly name: string;
  readonly state: string;
}

/** How many there are in each state, a line for each name, and a list of those that are chosen by the button of a state. */
export class CountedList {
  readonly #lines: HTMLElement;
  readonly #list: WorkList;
  #all: readonly Counted[] = [];
  #chosen: Chosen | undefined;

  /**
   * @param lines id of the place of the lines
   * @param name that of the elements of the list, see `WorkList`
   */
  constructor(lines: string, name: string, read: (chosen: Chosen) => Promise<Content>) {
    this.#lines = byId(lines);
    this.#list = new WorkList(name, () => read(this.#chosen ?? { name: '', state: '' }));
  }

  show(all: readonly Counted[]): void {
    this.#all = all;
    syncChildren(this.#lines, all.slice(0, most), {
      keyOf: ({ name }) => name,
      create: () =>
        el('li', {}, el('span', { class: 'name' }), el('span', { class: 'state' }), el('span', { class: 'buttons' })),
      update: (element, counted) => showLine(element, counted, this.#chosen, (what) => this.#choose(what)),
    });
  }

  /** Reads the list again. */
  refresh(): void {
    void this.#list.read();
  }

  #choose(what: Chosen): void {
    this.#chosen = what;
    this.show(this.#all);
    void this.#list.read(`${cut(what.name, 80)}: ${cut(what.state, 30)}`);
  }
}

function showLine(
  element: HTMLElement,
  { name, counts, atLeast = [], note = '' }: Counted,
  chosen: Chosen | undefined,
  choose: (what: Chosen) => void,
): void {
  const [title, state, choices] = element.children;
  if (title === undefined || state === undefined || choices === undefined) return;
  setText(title, cut(name, 80));
  setText(state, note);
  syncChildren(choices, Object.entries(counts), {
    keyOf: ([state]) => state,
    create: ([state]) => {
      const button = el('button', { type: 'button' });
      button.addEventListener('click', () => choose({ name, state }));
      return button;
    },
    update: (button, [state, number]) => {
      const text = `${count(number)}${atLeast.includes(state) ? '+' : ''} ${cut(state, 30)}`;
      setText(button, text);
      const isChosen = chosen?.name === name && chosen.state === state;
      setAttributes(button, { 'aria-pressed': String(isChosen), 'aria-label': `${cut(name, 80)}: ${text}` });
    },
  });
}
