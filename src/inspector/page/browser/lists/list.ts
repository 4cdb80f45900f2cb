import { byId, el, setText } from '../parts/dom.ts';
import { cut, moment } from '../parts/format.ts';

/** How many entries are asked for. */
export const limit = 100;

/** What a list shows once it was read. */
export interface Content {
  readonly heads: readonly string[];
  readonly rows: readonly (readonly (Node | string)[])[];
  /** How many there are, in words. */
  readonly note: string;
}

/** A list that is read when it is asked for: its entries stay where they are until then, so that no button moves under a hand. */
export class WorkList {
  readonly #name: string;
  readonly #read: () => Promise<Content>;
  #asked = 0;

  /** @param name that of the elements of the page: its title, note, button and place */
  constructor(name: string, read: () => Promise<Content>) {
    this.#name = name;
    this.#read = read;
    byId(`${name}-refresh`).addEventListener('click', () => void this.read());
  }

  /** @param title what is listed; default: as before */
  async read(title?: string): Promise<void> {
    if (title !== undefined) setText(byId(`${this.#name}-title`), title);
    byId(`${this.#name}-refresh`).hidden = false;
    const asked = (this.#asked += 1);
    const content = await this.#read().catch((error: unknown) => failed(error));
    // The answer to a later question is there, or comes.
    if (asked !== this.#asked) return;
    setText(byId(`${this.#name}-note`), `${content.note}, as of ${moment(Date.now())}.`);
    const list = byId(`${this.#name}-list`);
    // Its button is gone with the others: who works with keys goes on from here.
    const hadFocus = list.contains(document.activeElement);
    list.replaceChildren(...(content.rows.length === 0 ? [] : [table(content)]));
    if (hadFocus) byId(`${this.#name}-refresh`).focus();
  }
}

function failed(error: unknown): Content {
  return {
    heads: [],
    rows: [],
    note: `It could not be read: ${error instanceof Error ? cut(error.message, 300) : ''}`,
  };
}

/** A table that scrolls by itself where it is too wide. */
function table({ heads, rows }: Content): HTMLElement {
  const head = heads.map((name) => el('th', { scope: 'col' }, name));
  const body = rows.map((cells) => el('tr', {}, ...cells.map((cell) => el('td', {}, cell))));
  return el(
    'div',
    { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': 'List' },
    el('table', {}, el('thead', {}, el('tr', {}, ...head)), el('tbody', {}, ...body)),
  );
}
