import { el, setAttributes, setText, syncChildren } from './dom.ts';
import { count } from './format.ts';

/** A piece of a row. */
export interface Part {
  readonly text: string;
  /** `name`, `place`, `wait`, `code`, `time`, `count` or `bad`. */
  readonly look: string;
}

export interface TreeItem {
  /** Names it among its siblings, from one picture to the next. */
  readonly key: string;
  readonly parts: readonly Part[];
  /** Those below; asked for only where they are seen. */
  readonly children: readonly TreeItem[] | (() => readonly TreeItem[]);
  /** How many are below. */
  readonly size: number;
  /** Whether it is open before anyone has opened or closed it. */
  readonly isOpen: boolean;
  /** What Enter and a click do. Default: opens and closes it. */
  readonly act?: (() => void) | undefined;
}

/** What is shown of one level at first, and added when more is asked for. */
const page = 50;

/** A tree as the pattern of WAI-ARIA has it. Of many siblings it shows the first, so that it draws no more than can be read. */
export class Tree {
  readonly #root: HTMLElement;
  /** What was opened and closed by hand; of what is no longer there it is forgotten. */
  readonly #open = new Map<string, boolean>();
  readonly #shown = new Map<string, number>();
  readonly #items = new WeakMap<Element, { readonly path: string; readonly item: TreeItem }>();
  #seen = new Set<string>();
  #last: readonly TreeItem[] = [];

  constructor(root: HTMLElement) {
    this.#root = root;
    root.addEventListener('keydown', (event) => this.#onKey(event));
    root.addEventListener('click', (event) => this.#onClick(event));
    root.addEventListener('focusin', (event) => this.#rove(event.target));
  }

  show(items: readonly TreeItem[]): void {
    this.#last = items;
    this.#seen = new Set();
    this.#fill(this.#root, items, '', 1);
    for (const path of [...this.#open.keys(), ...this.#shown.keys()]) {
      if (this.#seen.has(path)) continue;
      this.#open.delete(path);
      this.#shown.delete(path);
    }
    if (this.#root.querySelector('[role=treeitem][tabindex="0"]') === null)
      this.#rove(this.#root.querySelector('[role=treeitem]'));
  }

  #fill(list: Element, items: readonly TreeItem[], above: string, level: number): void {
    const most = this.#shown.get(above) ?? page;
    const shown = items.slice(0, most);
    if (items.length > most) shown.push(this.#rest(items.length - most, above, most));
    syncChildren(list, shown, {
      keyOf: ({ key }) => key,
      create: () => el('li', { role: 'treeitem', tabindex: -1 }, el('div', { class: 'row' })),
      update: (element, item, index) => {
        setAttributes(element, { 'aria-level': level, 'aria-setsize': items.length, 'aria-posinset': index + 1 });
        this.#update(element, item, `${above}/${item.key}`, level);
      },
    });
  }

  /** The row that shows more of its level. */
  #rest(left: number, above: string, most: number): TreeItem {
    const act = (): void => {
      this.#shown.set(above, most + page);
      this.show(this.#last);
    };
    const text = `Show ${count(Math.min(page, left))} more of ${count(left)}`;
    return { key: 'rest', parts: [{ text, look: 'more' }], children: [], size: 0, isOpen: false, act };
  }

  #update(element: HTMLElement, item: TreeItem, path: string, level: number): void {
    this.#seen.add(path);
    this.#items.set(element, { path, item });
    const isOpen = item.size > 0 && (this.#open.get(path) ?? item.isOpen);
    setAttributes(element, {
      'aria-expanded': item.size > 0 ? String(isOpen) : undefined,
      'aria-label': item.parts.map(({ text }) => text).join(', '),
    });
    const row = element.firstElementChild;
    if (row !== null) fillRow(row, item);
    const group = element.querySelector(':scope > ul');
    if (!isOpen) return group?.remove();
    const children = typeof item.children === 'function' ? item.children() : item.children;
    this.#fill(group ?? element.appendChild(el('ul', { role: 'group' })), children, path, level + 1);
  }

  #toggle(element: Element, open?: boolean): void {
    const found = this.#items.get(element);
    if (found === undefined || found.item.size === 0) return;
    this.#open.set(found.path, open ?? element.getAttribute('aria-expanded') !== 'true');
    this.show(this.#last);
  }

  #act(element: Element): void {
    const { act } = this.#items.get(element)?.item ?? {};
    if (act === undefined) this.#toggle(element);
    else act();
  }

  #onClick({ target }: MouseEvent): void {
    const element = itemOf(target);
    if (element === undefined || !(target instanceof Element)) return;
    element.focus();
    if (target.closest('.twist') === null) this.#act(element);
    else this.#toggle(element);
  }

  #onKey(event: KeyboardEvent): void {
    const element = itemOf(event.target);
    if (element === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    if (!this.#carryOut(event.key, element)) return;
    event.preventDefault();
    event.stopPropagation();
  }

  #carryOut(key: string, element: HTMLElement): boolean {
    const isOpen = element.getAttribute('aria-expanded');
    switch (key) {
      case 'Enter':
        this.#act(element);
        return true;
      case ' ':
        this.#toggle(element);
        return true;
      case 'ArrowRight':
        if (isOpen === 'false') this.#toggle(element, true);
        else if (isOpen === 'true') focusOn(element.querySelector('[role=treeitem]'));
        return true;
      case 'ArrowLeft':
        if (isOpen === 'true') this.#toggle(element, false);
        else focusOn(element.parentElement?.closest('[role=treeitem]'));
        return true;
      default:
        return this.#move(key, element);
    }
  }

  #move(key: string, element: HTMLElement): boolean {
    const all = [...this.#root.querySelectorAll('[role=treeitem]')];
    const at = all.indexOf(element);
    const moves: Record<string, number> = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 };
    const next = moves[key];
    if (next === undefined) return false;
    focusOn(all[next]);
    return true;
  }

  /** One row alone is a stop of the keyboard: the one that had the focus last. */
  #rove(target: EventTarget | null): void {
    const element = itemOf(target);
    if (element === undefined) return;
    for (const other of this.#root.querySelectorAll('[role=treeitem][tabindex="0"]'))
      other.setAttribute('tabindex', '-1');
    element.setAttribute('tabindex', '0');
  }
}

function fillRow(row: Element, { parts, size }: TreeItem): void {
  const all = [{ text: '', look: size > 0 ? 'twist' : 'twist none' }, ...parts];
  syncChildren(row, all, {
    keyOf: ({ look }) => look,
    create: ({ look }) => el('span', { class: look }),
    update: (element, { text }) => setText(element, text),
  });
}

function itemOf(target: EventTarget | null): HTMLElement | undefined {
  return target instanceof Element ? (target.closest<HTMLElement>('[role=treeitem]') ?? undefined) : undefined;
}

function focusOn(element: Element | null | undefined): void {
  if (element instanceof HTMLElement) element.focus();
}
