import { el, setAttributes, setText, syncChildren } from '../parts/dom.ts';
import { count, cut } from '../parts/format.ts';

/** The most lines of counts. */
const most = 200;

/** Something of which there are so many in each state. */
export interface Counted {
  readonly name: string;
  readonly counts: Readonly<Record<string, number>>;
}

/** What of it is listed. */
export interface Chosen {
  readonly name: string;
  readonly state: string;
}

/** A line for each, with a button for each state, which lists those. */
export function showCounts(
  place: HTMLElement,
  { all, chosen, choose }: { all: readonly Counted[]; chosen: Chosen | undefined; choose: (what: Chosen) => void },
): void {
  syncChildren(place, all.slice(0, most), {
    keyOf: ({ name }) => name,
    create: () => el('li', {}, el('span', { class: 'name' }), el('span', { class: 'buttons' })),
    update: (element, counted) => showLine(element, counted, chosen, choose),
  });
}

function showLine(
  element: HTMLElement,
  { name, counts }: Counted,
  chosen: Chosen | undefined,
  choose: (what: Chosen) => void,
): void {
  const [title, choices] = element.children;
  if (title === undefined || choices === undefined) return;
  setText(title, cut(name, 80));
  syncChildren(choices, Object.entries(counts), {
    keyOf: ([state]) => state,
    create: ([state]) => {
      const button = el('button', { type: 'button' });
      button.addEventListener('click', () => choose({ name, state }));
      return button;
    },
    update: (button, [state, number]) => {
      const text = `${count(number)} ${cut(state, 30)}`;
      setText(button, text);
      const isChosen = chosen?.name === name && chosen.state === state;
      setAttributes(button, { 'aria-pressed': String(isChosen), 'aria-label': `${cut(name, 80)}: ${text}` });
    },
  });
}
