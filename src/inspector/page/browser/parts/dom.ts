type Value = string | number | boolean | undefined;

/** What an element has inside: text is always text. */
export type Child = Node | string | undefined;

/** Makes an element. Names of attributes are those of the program; an attribute that is false or undefined is left out. */
export function el<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  attributes: Readonly<Record<string, Value>> = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[Name] {
  const element = document.createElement(name);
  setAttributes(element, attributes);
  element.append(...children.filter((child) => child !== undefined));
  return element;
}

/** The same for what is drawn. */
export function svg<Name extends keyof SVGElementTagNameMap>(
  name: Name,
  attributes: Readonly<Record<string, Value>> = {},
  ...children: readonly Child[]
): SVGElementTagNameMap[Name] {
  const element = document.createElementNS('http://www.w3.org/2000/svg', name);
  setAttributes(element, attributes);
  element.append(...children.filter((child) => child !== undefined));
  return element;
}

/** Sets what has changed. */
export function setAttributes(element: Element, attributes: Readonly<Record<string, Value>>): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) element.removeAttribute(name);
    else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, String(value));
  }
}

/** Sets text that has changed: a reader of the screen hears only what is new. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** The element of the page with an id. */
export function byId(id: string): HTMLElement {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`the page has no element "${id}"`);
  return element;
}

export interface Keyed<Item, Made extends Element> {
  readonly keyOf: (item: Item) => string;
  readonly create: (item: Item) => Made;
  readonly update: (element: Made, item: Item, index: number) => void;
}

const known = new WeakMap<Element, Map<string, Element>>();

/** Makes the children of an element those of the items: elements of a key that is still there stay, with focus and selection. */
export function syncChildren<Item, Made extends Element>(
  parent: Element,
  items: readonly Item[],
  { keyOf, create, update }: Keyed<Item, Made>,
): void {
  const before = known.get(parent) ?? new Map<string, Element>();
  const after = new Map<string, Element>();
  let next = parent.firstElementChild;
  for (const [index, item] of items.entries()) {
    const key = keyOf(item);
    const element = (before.get(key) as Made | undefined) ?? create(item);
    before.delete(key);
    after.set(key, element);
    update(element, item, index);
    if (element === next) next = next.nextElementSibling;
    else parent.insertBefore(element, next);
  }
  for (const element of before.values()) element.remove();
  known.set(parent, after);
}
